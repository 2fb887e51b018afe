"""From what a person types, `items=a,b`, to what a command's fields are made of."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import is_dataclass
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import click
import msgspec

from domain.aggregate import aggregates
from domain.command import Command
from domain.errors import InvalidFieldError
from domain.message import field_names
from store.command_codec import command_class, make_command
from store.errors import UnknownCommandError
from workers.console.endings import Failure

UNIONS = (Union, UnionType)
LISTS = (list, tuple, set, frozenset)


def command_from(command_type: str, pairs: Iterable[str], json_data: str | None) -> Command:
    """
    Build a command from `field=value` pairs and, if given, a JSON object of fields.

    Raises Failure with the commands or the fields there are when something does not exist.
    """
    try:
        cls = command_class(command_type)
    except UnknownCommandError:
        raise Failure(unknown(command_type)) from None
    try:
        return make_command(command_type, typed_fields(cls, pairs, json_data))
    except InvalidFieldError as error:
        if error.field in cls.__annotations__ and error.rule != "is missing":
            raise
        raise Failure(f"{error}; its fields are {', '.join(field_names(cls))}") from None


def typed_fields(cls: type[Command], pairs: Iterable[str], json_data: str | None) -> dict[str, Any]:
    hints = get_type_hints(cls)
    fields = from_object(json_data)
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator:
            raise click.UsageError(f"{pair!r} is no field=value")
        if name in fields:
            raise click.UsageError(f"the field {name!r} is given twice")
        fields[name] = plain(text, hints.get(name, str))
    return fields


def from_object(json_data: str | None) -> dict[str, Any]:
    if json_data is None:
        return {}
    try:
        return msgspec.json.decode(json_data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise click.UsageError(f"--json-data is no JSON object: {error}") from None


def plain(text: str, hint: Any) -> Any:
    """
    Return the value that JSON would hold for `text` in a field of this type.

    What does not fit stays as it is: the command's own check names the field.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in UNIONS:
        return of_union(text, arguments)
    if (origin or hint) in LISTS:
        return of_list(text, arguments)
    if (origin or hint) in {int, float, bool, dict} or is_record(hint):
        return from_json(text)
    return text  # a str, and what is written as one: Decimal, UUID, dates, enumerations


def is_record(hint: Any) -> bool:
    return isinstance(hint, type) and (is_dataclass(hint) or issubclass(hint, msgspec.Struct))


def of_union(text: str, members: Sequence[Any]) -> Any:
    if NoneType in members and text == "null":
        return None
    others = [member for member in members if member is not NoneType]
    return text if str in others or not others else plain(text, others[0])


def of_list(text: str, arguments: Sequence[Any]) -> Any:
    """Split at commas; who needs a comma in an element writes a JSON list."""
    if text.startswith("["):
        return from_json(text)
    if not text:
        return []
    element = arguments[0] if arguments else str
    return [plain(part, element) for part in text.split(",")]


def from_json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def unknown(command_type: str) -> str:
    """Say which commands there are, the most similar first."""
    known = known_commands()
    lowered = {name.lower(): name for name in known}
    close = [lowered[name] for name in get_close_matches(command_type.lower(), lowered, n=2)]
    if close:
        return f"no command is called {command_type!r}; did you mean {' or '.join(close)}?"
    return f"no command is called {command_type!r}; there are {', '.join(sorted(known))}"


def known_commands() -> AbstractSet[str]:
    return {name for aggregate in aggregates() for name in aggregate.command_classes}
