"""Events: immutable facts, known to storage by a stable name and a schema version."""

from dataclasses import dataclass, field
from typing import ClassVar, dataclass_transform

from domain.message import Message


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Event(Message):
    """
    Base of all events; subclassing declares and freezes one.

    Storage sees the name, by default the class's own, so a class can be renamed
    by keeping `name=`. Raise `version` when the fields change, and add an
    upcaster from the version before. `words` is the sentence that the audit log
    says, with `{id}` for the aggregate's id; without it one is made of the name.
    """

    event_type: ClassVar[str]
    schema_version: ClassVar[int]
    in_words: ClassVar[str | None]

    def __init_subclass__(
        cls, *, name: str | None = None, version: int = 1, words: str | None = None
    ) -> None:
        super().__init_subclass__()
        cls.event_type, cls.schema_version = name or cls.__name__, version
        cls.in_words = words
        dataclass(frozen=True, kw_only=True, repr=False)(cls)
