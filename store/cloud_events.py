"""
Events as CloudEvents 1.0, and back: the one place that knows both.

What our own columns cannot say of an event that came from elsewhere (its source, an id that is
no UUID, attributes of its own) is kept as it came in the metadata, under `cloud_event`.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote, unquote
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from store.business_time import happened_at
from store.codec import Metadata, RawEvent
from store.errors import UnstorableError
from store.recorded import RecordedEvent
from store.storable import (
    CONTROL,
    check_aggregate_id,
    check_name,
    check_schema_version,
    check_value,
    printable,
)

SPEC_VERSION = "1.0"
OUR_SOURCE = "urn:fleetlog:"
JSON_TYPE = "application/json"
# Attributes that the metadata has a place of its own for, where they are texts.
IN_METADATA = {
    "actor": "actor",
    "reason": "reason",
    "correlationid": "correlation_id",
    "causationid": "causation_id",
    "commandid": "command_id",
    "traceparent": "traceparent",
}
IN_COLUMNS = frozenset({"specversion", "type", "subject", "time", "data"})
REQUIRED = ("id", "source", "type", "subject", "time")
ATTRIBUTE_TYPES = (str, bool, int)
ATTRIBUTE = re.compile("[a-z0-9]+")
UUID_TEXT = re.compile("[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
PARTS = re.compile("[/:]")


class ForeignEvent(NamedTuple):
    """A CloudEvent as the store keeps it."""

    event_id: UUID
    aggregate_id: str
    aggregate_type: str
    event: RawEvent
    metadata: Metadata


def as_cloud_event(event: RecordedEvent) -> dict[str, Any]:
    """
    Return an event, read with all its columns, as a CloudEvent.

    An imported one is returned exactly as it came in. Positions are texts, since an integer of
    a CloudEvent ends at 2,147,483,647. Raises UndecodableEventError.
    """
    metadata = event.metadata
    made: dict[str, Any] = {"specversion": SPEC_VERSION, "id": str(event.event_id)}
    made |= beyond_columns(event) if metadata.cloud_event is None else metadata.cloud_event
    made |= {
        "type": event.event_type,
        "subject": event.aggregate_id,
        "time": time_of(event, metadata.occurred_at),
    }
    for attribute, name in IN_METADATA.items():
        text = getattr(metadata, name)
        if text is not None:
            made[attribute] = text
    made["data"] = event.payload
    return made


def beyond_columns(event: RecordedEvent) -> dict[str, Any]:
    """Return for an event of ours what an imported one brings itself."""
    return {
        "source": OUR_SOURCE + quote(event.aggregate_type, safe=""),
        "datacontenttype": JSON_TYPE,
        "schemaversion": event.version,
        "globalsequence": str(event.global_sequence),
        "sequencenumber": str(event.sequence_number),
    }


def from_cloud_event(
    envelope: Mapping[str, Any], aggregate_type: str | None = None
) -> ForeignEvent:
    """
    Return what is to be stored of a CloudEvent; without a type given, its source names it.

    Raises UnstorableError naming the attribute. An attribute that is null counts as absent.
    """
    found = {name: value for name, value in envelope.items() if value is not None}
    check_attributes(found)
    source, id = found["source"], found["id"]
    named = aggregate_type or aggregate_type_of(source)
    check_name(named, "aggregate_type" if aggregate_type else "source, whose last part")
    event_id = event_id_of(source, id)
    known = {
        name: found.pop(attribute)
        for attribute, name in IN_METADATA.items()
        if isinstance(found.get(attribute), str)
    }
    kept = {name: value for name, value in found.items() if name not in IN_COLUMNS}
    if id == str(event_id):
        del kept["id"]
    version = found.get("schemaversion", 1)
    return ForeignEvent(
        event_id,
        found["subject"],
        named,
        RawEvent(event_type=found["type"], data=found["data"], version=version),
        Metadata(**known, occurred_at=found["time"], cloud_event=kept),
    )


def aggregate_type_of(source: str) -> str:
    """
    Return what a source calls its kind of thing: what stands behind its last slash or colon.

    A query, a fragment and slashes at the end are left out: `urn:log:helpdesk` is `helpdesk`,
    `https://example.org/shop/orders/?v=2` is `orders`.
    """
    path = re.split("[?#]", source, maxsplit=1)[0].rstrip("/")
    return unquote(PARTS.split(path)[-1])


def event_id_of(source: str, id: str) -> UUID:
    """Return the id itself where it is a UUID, else one that source and id always lead to."""
    return UUID(id) if UUID_TEXT.fullmatch(id) else uuid5(uuid5(NAMESPACE_URL, source), id)


def time_of(event: RecordedEvent, occurred: str | None) -> str:
    """Return when it happened: in the words it came with, where a CloudEvent may use them."""
    if occurred and TIME.fullmatch(occurred):
        return occurred
    return happened_at(event).astimezone(UTC).isoformat().replace("+00:00", "Z")


def check_attributes(found: Mapping[str, Any]) -> None:
    """Raise UnstorableError naming the first attribute that will not do."""
    for name, value in found.items():
        if name != "data":
            check_attribute(name, value)
    if found.get("specversion") != SPEC_VERSION:
        raise UnstorableError("specversion", f"must be {SPEC_VERSION!r}")
    for name in REQUIRED:
        require_text(found.get(name), name)
    check_name(found["type"], "type")
    check_aggregate_id(found["subject"], "subject")
    check_time(found["time"])
    if not isinstance(found.get("data"), dict):
        raise UnstorableError("data", "must be an object")
    if isinstance(found.get("schemaversion", 1), bool):
        raise UnstorableError("schemaversion", "must be int, got bool")
    check_schema_version(found.get("schemaversion", 1), "schemaversion")


def check_attribute(name: str, value: object) -> None:
    if name == "data_base64":
        raise UnstorableError(name, "cannot be kept: data must be an object")
    if name not in REQUIRED and not ATTRIBUTE.fullmatch(name):
        raise UnstorableError(printable(name), "must be lower-case letters and digits")
    if not isinstance(value, ATTRIBUTE_TYPES):
        raise UnstorableError(name, "must be a text, a whole number or a truth value")
    check_value(value, name)


def require_text(value: object, name: str) -> None:
    if not isinstance(value, str) or not value or CONTROL.search(value):
        raise UnstorableError(name, "must be a text without control characters")


def check_time(text: str) -> None:
    """Refuse what is no moment of RFC 3339; what is one is kept as it came."""
    try:
        if TIME.fullmatch(text):
            datetime.fromisoformat(text).astimezone(UTC)
            return
    except (ValueError, OverflowError):
        pass
    raise UnstorableError("time", "must be like 2026-02-28T09:30:00Z")


def line_of(event: RecordedEvent) -> bytes:
    """Return an event as one line of a file of CloudEvents."""
    return msgspec.json.encode(as_cloud_event(event)) + b"\n"
