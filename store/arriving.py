"""One CloudEvent that comes in: checked, encoded, and compared with what is there."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from domain.aggregate import aggregate_class
from store.cloud_events import ForeignEvent, as_cloud_event, from_cloud_event
from store.codec import decode_event, encode_event, encode_metadata
from store.errors import UndecodableEventError, UnknownEventError, UnstorableError
from store.recorded import RecordedEvent


class Arrival(NamedTuple):
    """An event ready to be stored; `envelope` is all that was said of it, `number` its line."""

    number: int
    foreign: ForeignEvent
    encoded: tuple[str, int, bytes]
    metadata: bytes
    envelope: Mapping[str, Any]

    @property
    def event_id(self) -> UUID:
        return self.foreign.event_id

    @property
    def aggregate_id(self) -> str:
        return self.foreign.aggregate_id

    def is_same_as(self, other: "Arrival") -> bool:
        """Whether two lines say the same event."""
        return content(self.foreign.aggregate_type, self.envelope) == content(
            other.foreign.aggregate_type, other.envelope
        )

    def is_stored_as(self, event: RecordedEvent) -> bool:
        """Whether a stored event is this one, word for word; times are compared as instants."""
        return content(self.foreign.aggregate_type, self.envelope) == content(
            event.aggregate_type, as_cloud_event(event)
        )


def arrival(
    number: int,
    envelope: Mapping[str, Any],
    aggregate_type: str | None = None,
    *,
    unreadable_too: bool = False,
) -> Arrival:
    """
    Return a CloudEvent ready to be stored.

    An event for an aggregate that has a class here must be readable by it, unless those that
    are not are wanted too. Raises UnstorableError naming the attribute.
    """
    foreign = from_cloud_event(envelope, aggregate_type)
    try:
        encoded = encode_event(foreign.event)
    except UnstorableError as error:
        inner = error.where.removeprefix(foreign.event.event_type)
        raise UnstorableError(f"data{inner}", error.rule) from None
    if not unreadable_too and aggregate_class(foreign.aggregate_type) is not None:
        require_readable(foreign.aggregate_type, *encoded)
    return Arrival(number, foreign, encoded, encode_metadata(foreign.metadata), envelope)


def require_readable(aggregate_type: str, event_type: str, version: int, data: bytes) -> None:
    """Raise UnstorableError unless the aggregate's class reads this event."""
    try:
        decode_event(aggregate_type, event_type, version, data.decode(), 0)
    except UnknownEventError:
        rule = f"{event_type!r}, version {version}, is no event that the class {aggregate_type} has"
        raise UnstorableError("type", rule) from None
    except UndecodableEventError as error:
        rule = f"does not fit {event_type}, version {version}: {error.reason}"
        raise UnstorableError("data", rule) from None


def content(aggregate_type: str, envelope: Mapping[str, Any]) -> bytes:
    """Return all that is said of an event in a form that compares: 1, 1.0 and true differ."""
    said = {name: value for name, value in envelope.items() if value is not None}
    said["time"] = instant(said["time"])
    return msgspec.json.encode((aggregate_type, said), order="deterministic")


def instant(text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return text
