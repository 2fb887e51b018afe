"""What leaves: one event as a CloudEvent in JSON, made of the stored event at each attempt."""

from collections.abc import Collection
from typing import Any

import msgspec

from domain.message import Mark, field_names, marked_fields
from store.cloud_events import as_cloud_event
from store.codec import event_class
from store.errors import UndecodableEventError
from store.recorded import RecordedEvent
from workers.delivering.channel import UndeliverableError

CONTENT_TYPE = "application/cloudevents+json"
HIDDEN = "***"


def cloud_event(event: RecordedEvent) -> dict[str, Any]:
    """
    Return an event as it leaves: whole, but for the values of fields that are marked secret.

    Raises UndeliverableError for one whose data cannot be read.
    """
    try:
        envelope = as_cloud_event(event)
    except UndecodableEventError as error:
        reason = f"event {event.event_type} at position {event.global_sequence} cannot be read"
        raise UndeliverableError(reason) from error
    data = envelope["data"]
    hidden = secret_fields(event, data)
    envelope["data"] = {name: HIDDEN if name in hidden else data[name] for name in data}
    return envelope


def secret_fields(event: RecordedEvent, data: Collection[str]) -> set[str]:
    """Return what must not leave; an older version may have called a secret by another name."""
    cls = event_class(event.aggregate_type, event.event_type)
    marks = marked_fields(cls) if cls else {}
    secret = {name for name, mark in marks.items() if mark is Mark.SECRET}
    if cls is None or not secret or event.version == cls.schema_version:
        return secret
    return secret | (set(data) - set(field_names(cls)))


def body(event: RecordedEvent) -> bytes:
    """Return the same as bytes: equal at every attempt."""
    return msgspec.json.encode(cloud_event(event))
