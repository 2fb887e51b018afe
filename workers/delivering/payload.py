"""What is sent of an event: a CloudEvent, less what must never be shown."""

from typing import Any

import msgspec

from domain.message import Mark, marked_fields
from store.cloud_events import as_cloud_event
from store.codec import event_class
from workers.delivering.channel import Outgoing

CONTENT_TYPE = "application/cloudevents+json"


def cloud_event(outgoing: Outgoing) -> dict[str, Any]:
    """Return the event as a CloudEvent; fields marked as secrets, such as hashes, stay here."""
    event = outgoing.event
    made = as_cloud_event(event)
    cls = event_class(event.aggregate_type, event.event_type)
    marks = marked_fields(cls) if cls else {}
    kept = {k: v for k, v in made["data"].items() if marks.get(k) is not Mark.SECRET}
    return {**made, "data": kept}


def body_of(outgoing: Outgoing) -> bytes:
    return msgspec.json.encode(cloud_event(outgoing))
