"""The mapping between events and CloudEvents: nothing that came in is lost on the way out."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from domain.users.events import UserDeactivated
from store.business_time import happened_at
from store.cloud_events import (
    ATTRIBUTE,
    aggregate_type_of,
    as_cloud_event,
    event_id_of,
    from_cloud_event,
)
from store.codec import Metadata, encode_event, encode_metadata
from store.errors import UnstorableError
from store.recorded import RecordedEvent
from store.storable import VERSION_MAX

TIME = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
EVENT_ID = UUID("95f91b31-c934-5123-8b1e-bd83ba6ed1a1")
ENVELOPE: dict[str, Any] = {
    "specversion": "1.0",
    "id": str(EVENT_ID),
    "source": "urn:log:helpdesk",
    "type": "TicketOpened",
    "subject": "Case 1",
    "time": "2010-01-13T08:40:25Z",
    "data": {"customer": "Value 63", "weight": 1.0, "tags": ["a", None]},
}


def stored(envelope: dict[str, Any], aggregate_type: str | None = None) -> RecordedEvent:
    """Return what is read of a CloudEvent that was imported."""
    foreign = from_cloud_event(envelope, aggregate_type)
    event_type, version, data = encode_event(foreign.event)
    return RecordedEvent(
        *(7, foreign.aggregate_id, foreign.aggregate_type, event_type, version, 1, TIME),
        data=data.decode(),
        event_id=foreign.event_id,
        metadata_json=encode_metadata(foreign.metadata).decode(),
    )


def own(metadata: Metadata = Metadata()) -> RecordedEvent:  # noqa: B008 - frozen
    event_type, version, data = encode_event(UserDeactivated(reason="left"))
    encoded = encode_metadata(metadata).decode()
    place = (2**40, "ada", "User", event_type, version, 3, TIME)
    return RecordedEvent(*place, data.decode(), EVENT_ID, encoded)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"actor": "Value 2", "datacontenttype": "application/json"},
        {"dataschema": "https://example.org/s", "partitionkey": "7", "urgent": True, "tries": 0},
        {"id": "no-uuid", "source": "/relative"},
        {"id": str(EVENT_ID).upper()},
        {"actor": 7, "reason": "", "correlationid": "c", "causationid": "d", "commandid": "e"},
        {"time": "2010-01-13T08:40:25.123456789+01:30", "schemaversion": 3},
        {"globalsequence": "9", "sequencenumber": "1", "traceparent": "00-1-2-01"},
    ],
)
def test_what_came_in_goes_out_as_it_was(more: dict[str, Any]) -> None:
    envelope = {**ENVELOPE, **more}

    assert as_cloud_event(stored(envelope)) == envelope


def test_an_attribute_without_a_value_counts_as_absent() -> None:
    assert as_cloud_event(stored({**ENVELOPE, "actor": None, "extra": None})) == ENVELOPE


def test_what_is_known_has_its_own_place_in_the_metadata() -> None:
    event = stored({**ENVELOPE, "actor": "bob", "causationid": "c", "schemaversion": 4})

    assert (event.aggregate_type, event.event_id, event.version) == ("helpdesk", EVENT_ID, 4)
    assert (event.metadata.actor, event.metadata.causation_id) == ("bob", "c")
    assert event.metadata.occurred_at == ENVELOPE["time"]
    assert event.metadata.cloud_event == {"source": "urn:log:helpdesk", "schemaversion": 4}


def test_an_event_of_ours_says_where_it_stands_and_on_whose_behalf() -> None:
    metadata = Metadata(actor="cli:eve", command_id="c1", correlation_id="c2", causation_id="c3")

    assert as_cloud_event(own(metadata)) == {
        "specversion": "1.0",
        "id": str(EVENT_ID),
        "source": "urn:fleetlog:User",
        "type": "UserDeactivated",
        "subject": "ada",
        "time": "2026-02-28T09:30:00Z",
        "datacontenttype": "application/json",
        "schemaversion": 1,
        "globalsequence": "1099511627776",
        "sequencenumber": "3",
        "actor": "cli:eve",
        "commandid": "c1",
        "correlationid": "c2",
        "causationid": "c3",
        "data": {"reason": "left"},
    }


def test_names_and_numbers_of_ours_are_legal_in_a_cloud_event() -> None:
    texts = {n: "x" for n in Metadata.__struct_fields__ if n != "cloud_event"}
    full = msgspec.convert(texts, Metadata)
    made = as_cloud_event(own(full))

    assert [n for n in made if not ATTRIBUTE.fullmatch(n) or len(n) > 20] == []
    assert [n for n, v in made.items() if isinstance(v, int) and v > VERSION_MAX] == []


def test_an_event_of_ours_that_moves_to_another_store_is_the_same_there() -> None:
    gone = as_cloud_event(own(Metadata(actor="eve", reason="asked")))
    moved = stored(gone)

    assert (moved.event_id, moved.aggregate_type, moved.version) == (EVENT_ID, "User", 1)
    assert moved.event == UserDeactivated(reason="left")
    assert as_cloud_event(moved) == gone


def test_an_event_of_ours_that_happened_elsewhere_says_when_that_was() -> None:
    event = own(Metadata(occurred_at="2019-05-20T07:07:47.000Z"))

    assert as_cloud_event(event)["time"] == "2019-05-20T07:07:47.000Z"
    assert happened_at(event) == datetime(2019, 5, 20, 7, 7, 47, tzinfo=UTC)
    assert as_cloud_event(own(Metadata(occurred_at="2019-05-20")))["time"] == "2019-05-20T00:00:00Z"
    assert happened_at(own()) == TIME
    assert happened_at(own(Metadata(occurred_at="yesterday"))) == TIME


def test_an_id_that_is_no_uuid_always_leads_to_the_same_event_id() -> None:
    one, again = event_id_of("urn:a", "7"), event_id_of("urn:a", "7")

    assert one == again
    assert len({one, event_id_of("urn:b", "7"), event_id_of("urn:a", "8")}) == 3
    assert event_id_of("urn:a", str(EVENT_ID)) == EVENT_ID
    assert event_id_of("urn:a", EVENT_ID.hex) != EVENT_ID


@pytest.mark.parametrize(
    ("source", "aggregate_type"),
    [
        ("urn:log:helpdesk", "helpdesk"),
        ("urn:fleetlog:User", "User"),
        ("urn:fleetlog:Help%20desk%2Fold", "Help desk/old"),
        ("https://example.org/shop/orders/?v=2#top", "orders"),
        ("/sensors/kitchen", "kitchen"),
        ("orders", "orders"),
    ],
)
def test_the_last_part_of_the_source_names_the_aggregate_type(
    source: str, aggregate_type: str
) -> None:
    assert aggregate_type_of(source) == aggregate_type
    assert from_cloud_event({**ENVELOPE, "source": source}).aggregate_type == aggregate_type


def test_a_given_aggregate_type_wins_and_the_source_stays() -> None:
    event = stored(ENVELOPE, "Ticket")

    assert event.aggregate_type == "Ticket"
    assert as_cloud_event(event) == ENVELOPE


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"specversion": "0.3"}, "specversion must be '1.0'"),
        ({"specversion": None}, "specversion must be '1.0'"),
        ({"id": ""}, "id must be a text"),
        ({"id": 7}, "id must be a text"),
        ({"source": None}, "source must be a text"),
        ({"source": "urn:log:"}, "source, whose last part must have 1 to 100"),
        ({"source": "urn:" + "x" * 101}, "source, whose last part must have 1 to 100"),
        ({"type": "x" * 101}, "type must have 1 to 100"),
        ({"type": "a\nb"}, "type must be a text without control"),
        ({"subject": None}, "subject must be a text"),
        ({"subject": "x" * 256}, "subject must have 1 to 255"),
        ({"time": None}, "time must be a text"),
        ({"time": "yesterday"}, "time must be like"),
        ({"time": "2010-01-13"}, "time must be like"),
        ({"time": "2010-01-13T08:40:25"}, "time must be like"),
        ({"time": "2010-02-30T08:40:25Z"}, "time must be like"),
        ({"time": "0001-01-01T00:00:00+05:00"}, "time must be like"),
        ({"data": None}, "data must be an object"),
        ({"data": [1]}, "data must be an object"),
        ({"data_base64": "AA=="}, "data_base64 cannot be kept"),
        ({"schemaversion": 0}, "schemaversion must be a number from 1"),
        ({"schemaversion": True}, "schemaversion must be int, got bool"),
        ({"schemaversion": "2"}, "schemaversion must be int, got str"),
        ({"partitionKey": "x"}, "partitionKey must be lower-case"),
        ({"extra": {"a": 1}}, "extra must be a text, a whole"),
        ({"extra": 1.5}, "extra must be a text, a whole"),
        ({"extra": 2**63}, "extra does not fit into 64 bits"),
        ({"extra": "a\0b"}, "extra holds a NUL"),
    ],
)
def test_what_will_not_do_is_refused_by_its_name(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UnstorableError) as refusal:
        from_cloud_event({**ENVELOPE, **change})

    assert str(refusal.value).startswith(complaint)


def test_the_metadata_of_an_event_of_ours_costs_no_byte_more() -> None:
    assert encode_metadata(Metadata(actor="eve")) == b'{"actor":"eve"}'


def test_what_the_metadata_keeps_of_a_cloud_event_must_be_storable() -> None:
    with pytest.raises(UnstorableError, match=r"^metadata.cloud_event.a is -0.0"):
        encode_metadata(Metadata(cloud_event={"a": -0.0}))
    with pytest.raises(UnstorableError, match=r"^metadata.cloud_event must be dict"):
        encode_metadata(msgspec.structs.replace(Metadata(), cloud_event="a"))
