"""What events and commands share: plain frozen fields, some of them marked as people's data."""

from dataclasses import fields
from enum import StrEnum
from typing import Annotated, TypeVar, get_args, get_type_hints

T = TypeVar("T")


class Mark(StrEnum):
    """How carefully a field is to be handled outside the store."""

    PERSONAL = "personal"
    SECRET = "secret"  # noqa: S105 - the word, not a password


Personal = Annotated[T, Mark.PERSONAL]
Secret = Annotated[T, Mark.SECRET]


_marks: dict[type["Message"], dict[str, Mark]] = {}
# By these a dataclass, a named tuple, a typed dict and a msgspec struct are known.
RECORDS = ("__dataclass_fields__", "_fields", "__total__", "__struct_fields__")


class Message:
    """Base of events and commands; its `repr` never shows a marked value."""

    def __repr__(self) -> str:
        marks = marked_fields(type(self))
        shown = (
            f"{name}={'***' if name in marks else repr(getattr(self, name))}"
            for name in field_names(type(self))
        )
        return f"{type(self).__name__}({', '.join(shown)})"


def field_names(cls: type[Message]) -> tuple[str, ...]:
    """Return the names of the payload's fields, in the order they were declared."""
    return tuple(f.name for f in fields(cls))  # type: ignore[arg-type]  # subclasses are


def marked_fields(cls: type[Message]) -> dict[str, Mark]:
    """Return the fields that are, or hold, a `Personal[...]` or `Secret[...]`, with their marks."""
    if cls not in _marks:
        hints = get_type_hints(cls, include_extras=True)
        found = ((name, mark_of(hints.get(name))) for name in field_names(cls))
        _marks[cls] = {name: mark for name, mark in found if mark is not None}
    return _marks[cls]


def mark_of(hint: object, within: tuple[object, ...] = ()) -> Mark | None:
    """Return the mark of a type, or of the first type within it: `Personal[str] | None`."""
    own = next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Mark)), None)
    if own is not None or hint in within:
        return own
    parts = get_args(hint)
    if any(hasattr(hint, sign) for sign in RECORDS):
        parts += tuple(get_type_hints(hint, include_extras=True).values())
    return next((mark for part in parts if (mark := mark_of(part, (*within, hint)))), None)
