"""Commands between Python and jsonb, each misfit named by its field."""

import dataclasses
import re
from math import isfinite
from typing import Any, cast

import msgspec
import psycopg

from domain.aggregate import aggregate_for
from domain.command import Command
from domain.errors import InvalidFieldError
from domain.message import field_names
from store.codec import encode_message
from store.errors import UnknownCommandError, UnstorableError
from store.storable import (
    INT_MAX,
    INT_MIN,
    check_aggregate_id,
    check_value,
    printable,
    storable_text,
)

LONGEST = 2000  # of what an error says
QUOTED = re.compile("'[^']*'")
FIELD_IN_PATH = re.compile(r"`\$\.(\w+)")
MISSING_FIELD = re.compile(r"missing required field `(\w+)`")


def command_class(command_type: str) -> type[Command]:
    """Return the class for a command type; raises UnknownCommandError."""
    owner = aggregate_for(command_type)
    if owner is None:
        raise UnknownCommandError(printable(command_type))
    return owner.command_classes[command_type]


def make_command(command_type: str, fields: object) -> Command:
    """
    Build a command from plain values, as they come from JSON or from a task's arguments.

    Raises UnknownCommandError, or InvalidFieldError naming the first field that does not do.
    """
    cls = command_class(command_type)
    if not isinstance(fields, dict):
        raise InvalidFieldError(command_type, "data", "must be an object of fields")
    unknown = sorted(printable(name) for name in fields.keys() - set(field_names(cls)))
    if unknown:
        raise InvalidFieldError(command_type, unknown[0], "is not a field of this command")
    try:
        return msgspec.convert(fields, cls)
    except msgspec.ValidationError as error:
        raise misfit(command_type, str(error)) from None
    except (UnicodeEncodeError, RecursionError) as error:  # the converter does not say where
        raise unstorable(command_type, fields, error) from None


def encode_command(command: Command) -> bytes:
    """
    Return the command's JSON; raises InvalidFieldError for what cannot be kept as it is.

    An optional field that says nothing is left out: a command that was accepted before its class
    had the field, and comes again, is still the same one.
    """
    command_type = command.command_type
    try:
        # First: an id of a wrong type has no text.
        encoded = encode_message(command, command_type, without=unsaid(command))
        check_aggregate_id(aggregate_id_of(command), f"{command_type}.{id_field_of(command)}")
    except UnstorableError as error:
        _, _, field = error.where.partition(f"{command_type}.")
        field = field or "data"  # no field alone is at fault
        raise InvalidFieldError(command_type, field, error.rule) from None
    return encoded


def unsaid(command: Command) -> list[str]:
    """Return the fields that are None because nobody gave them a value."""
    declared = dataclasses.fields(command)  # type: ignore[arg-type]  # subclasses are dataclasses
    return [f.name for f in declared if f.default is None is getattr(command, f.name)]


def decode_command(command_type: str, payload: str) -> Command:
    """Build a command from its stored JSON; raises like `make_command`."""
    return make_command(command_type, msgspec.json.decode(payload))


def aggregate_id_of(command: Command) -> str:
    """Return the id of the aggregate that the command is addressed to."""
    return str(getattr(command, id_field_of(command)))


def id_field_of(command: Command) -> str:
    owner = aggregate_for(command.command_type)
    if owner is None:
        raise UnknownCommandError(command.command_type)
    return owner.id_field


def misfit(command_type: str, complaint: str) -> InvalidFieldError:
    """Turn the decoder's words into ours: types and places, without the value it may quote."""
    found = MISSING_FIELD.search(complaint)
    if found:
        return InvalidFieldError(command_type, found.group(1), "is missing")
    place = FIELD_IN_PATH.search(complaint)
    rule = complaint.partition(" - at ")[0].replace("Expected", "must be").replace("`", "")
    rule = QUOTED.sub("…", rule)
    return InvalidFieldError(command_type, place.group(1) if place else "data", rule)


def unstorable(command_type: str, fields: dict[str, object], error: Exception) -> InvalidFieldError:
    """Return the refusal of the first field that could not be kept in any case."""
    for name, value in fields.items():
        try:
            check_value(value, name)
        except UnstorableError as found:
            return InvalidFieldError(command_type, found.where, found.rule)
    return InvalidFieldError(command_type, "data", f"cannot be read: {type(error).__name__}")


def describe(error: BaseException) -> dict[str, Any]:
    """Return an exception as the plain values from which `.get()` makes it again."""
    cls = type(error)
    return {
        "type": cls.__qualname__,
        "module": cls.__module__,
        "args": [plain(arg) for arg in error.args],
        "message": storable_text(said(error), LONGEST) or cls.__qualname__,
    }


def said(error: BaseException) -> object:
    """Return what an error says; the rest of PostgreSQL's words quotes the row."""
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return primary or error


def plain(arg: object) -> str | int | float | bool | None:
    """Return what an error carries as it is where that can be stored, else as a text."""
    whole = isinstance(arg, int) and INT_MIN <= arg <= INT_MAX
    real = isinstance(arg, float) and isfinite(arg)
    if arg is None or whole or real:
        return cast("int | float | None", arg)
    return storable_text(arg, LONGEST)
