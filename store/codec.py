"""Events between Python and jsonb: what was stored is what is read."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from domain.aggregate import aggregate_class
from domain.event import Event
from domain.upcasting import upcast
from store.errors import UndecodableEventError, UnknownEventError, UnstorableError
from store.storable import (
    MAX_BYTES,
    check_name,
    check_schema_version,
    check_size,
    check_text,
    check_value,
    require_type,
)


@dataclass(frozen=True, kw_only=True)
class RawEvent:
    """A fact of another system, stored and read as plain data: no class stands for it."""

    event_type: str
    data: dict[str, Any]
    version: int = 1


NOT_READ_BACK = "would not be read back as it was given"
PLACE = re.compile(r" - at `\$\.?(\w+)[^`]*`")
UNWRITABLE = (TypeError, ValueError, RecursionError)
_decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {}

AnyEvent: TypeAlias = Event | RawEvent


class Metadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known about an event or a command beside its data."""

    actor: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    command_id: str | None = None
    traceparent: str | None = None
    reason: str | None = None
    occurred_at: str | None = None
    # What the columns cannot say of an event that came as a CloudEvent; see cloud_events.py.
    cloud_event: dict[str, Any] | None = None


def encode_event(event: AnyEvent) -> tuple[str, int, bytes]:
    """
    Return type, version and JSON of `event`, proven to be read back equal.

    Raises UnstorableError, naming the field.
    """
    if isinstance(event, RawEvent):
        check_name(event.event_type, "event_type")
        check_schema_version(event.version)
        require_type(event.data, dict, event.event_type)
        check_value(event.data, event.event_type)
        encoded = msgspec.json.encode(event.data)
        check_size(encoded, event.event_type)
        if msgspec.json.decode(encoded) != event.data:
            raise UnstorableError(event.event_type, NOT_READ_BACK)
        return event.event_type, event.version, encoded
    require_type(event, Event, "an event")
    return event.event_type, event.schema_version, encode_message(event, event.event_type)


def encode_message(message: object, where: str, *, without: Iterable[str] = ()) -> bytes:
    """
    Return the JSON of a message that, decoded, equals it, `without` some fields at their default.

    Raises UnstorableError.
    """
    try:
        plain = msgspec.to_builtins(message)
    except UNWRITABLE as error:
        place = culprit(message, where, is_unwritable)
        raise UnstorableError(place, f"cannot be written as JSON: {error}") from error
    for name in without:
        plain.pop(name, None)  # a class's default may not be among the values of its object
    check_value(plain, where)
    encoded = msgspec.json.encode(plain)
    if len(encoded) > MAX_BYTES:
        check_size(encoded, culprit(message, where, is_too_large))
    check_round_trip(message, encoded, where)
    return encoded


def check_round_trip(message: object, encoded: bytes, where: str) -> None:
    """The declared types must lead back to the same value: Decimal('NaN') or a set do not."""
    try:
        read = decoder(type(message)).decode(encoded)
    except msgspec.ValidationError as error:
        place = PLACE.search(str(error))
        said = PLACE.sub("", str(error)).replace("`", "")
        where = f"{where}.{place.group(1)}" if place else where
        raise UnstorableError(where, f"does not fit its declaration: {said}") from error
    if not are_equal(read, message):
        fields = vars(read)
        names = (name for name, value in fields.items() if is_other(message, name, value))
        name = next(names, None)
        raise UnstorableError(f"{where}.{name}" if name else where, NOT_READ_BACK)


def are_equal(one: object, other: object) -> bool:
    try:
        return bool(one == other)
    except ArithmeticError:  # a signalling NaN does not even compare
        return False


def is_other(message: object, name: str, value: object) -> bool:
    return not are_equal(getattr(message, name), value)


def culprit(message: object, where: str, is_at_fault: Callable[[object], bool]) -> str:
    """Return the place of the first field that is at fault all by itself, or of the message."""
    for name, value in vars(message).items():
        if is_at_fault(value):
            return f"{where}.{name}"
    return where


def is_unwritable(value: object) -> bool:
    try:
        msgspec.to_builtins(value)
    except UNWRITABLE:
        return True
    return False


def is_too_large(value: object) -> bool:
    return len(msgspec.json.encode(value)) > MAX_BYTES


def encode_metadata(metadata: Metadata) -> bytes:
    """Return the JSON of what is known beside the data; raises UnstorableError."""
    require_type(metadata, Metadata, "metadata")
    for name, value in msgspec.structs.asdict(metadata).items():
        if value is None:
            continue
        if name == "cloud_event":
            require_type(value, dict, f"metadata.{name}")
            check_value(value, f"metadata.{name}")
        else:
            require_type(value, str, f"metadata.{name}")
            check_text(value, f"metadata.{name}")
    encoded = msgspec.json.encode(metadata)
    check_size(encoded, "metadata")
    return encoded


def decode_event(
    aggregate_type: str, event_type: str, version: int, data: str, position: int
) -> Event:
    """
    Return the event in today's words.

    Raises UnknownEventError when no class knows it, UndecodableEventError when its data does
    not fit; either is about this event alone.
    """
    cls = event_class(aggregate_type, event_type)
    if cls is None or version > cls.schema_version:
        raise UnknownEventError(aggregate_type, event_type, version, position)
    try:
        if version == cls.schema_version:
            event: Event = decoder(cls).decode(data)
            return event
        return msgspec.convert(upcast(cls, version, msgspec.json.decode(data)), cls)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise UndecodableEventError(event_type, version, position, reason) from error


def event_class(aggregate_type: str, event_type: str) -> type[Event] | None:
    """Return the class for an event of this aggregate, or None when nobody claims it."""
    owner = aggregate_class(aggregate_type)
    return owner.event_classes.get(event_type) if owner else None


def decoder(cls: type[Any]) -> msgspec.json.Decoder[Any]:
    if cls not in _decoders:
        _decoders[cls] = msgspec.json.Decoder(cls)
    return _decoders[cls]
