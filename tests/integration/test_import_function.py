"""The function that takes history in: it gives every event its place and its time itself."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from store.arrays import BigIntArray, IntArray, TextArray, UuidArray
from store.engine import Database, Role
from store.event_store import EventStore
from tests.conftest import TestDatabase
from tests.integration.order_load import facts

CALL = "select fleetlog.import_events(%b, %b, %b, %b, %b, %b, %b, %b, %b)"
SIGNATURE = "select proargnames from pg_proc where proname = 'import_events'"
WITNESS = "select metadata->>'db_user', metadata->>'actor' from fleetlog.events"
CLAIMS = '{"actor": "eve", "db_user": "eve"}'

Stream = tuple[str, str, int]
Event = tuple[UUID, int]
REFUSED: list[tuple[Stream, str, str]] = [
    (("b", "Case", 0), "FL001", "2"),
    (("b", "Case", 3), "FL001", "2"),
    (("b", "Other", 2), "FL002", "Case"),
    (("b", "Other", -1), "FL002", "Case"),
    (("new", "Case", 1), "FL001", "0"),
]


def call(database: Database, streams: list[Stream], events: list[Event]) -> None:
    """Import events, each named by its id and the number of its stream."""
    ids, numbers = zip(*events, strict=True)
    size = len(events)
    values: tuple[Any, ...] = (
        TextArray.of([id for id, _, _ in streams]),
        TextArray.of([aggregate_type for _, aggregate_type, _ in streams]),
        BigIntArray.of([expected for _, _, expected in streams]),
        UuidArray.of(ids),
        IntArray.of(numbers),
        TextArray.of(["Moved"] * size),
        IntArray.of([1] * size),
        TextArray.of([f'{{"n": {n}}}' for n in range(size)]),
        TextArray.of([CLAIMS] * size),
    )
    with database.connect(Role.WRITER) as connection:
        connection.execute(CALL, values, binary=True)


def placed(store: EventStore) -> list[tuple[str, int, UUID | None]]:
    return [(e.aggregate_id, e.sequence_number, e.event_id) for e in store.get_all_events()]


def test_many_streams_are_numbered_at_once_in_the_order_given(
    database: Database, store: EventStore
) -> None:
    store.append_events("b", 0, facts(2), aggregate_type="Case")
    a1, b3, a2, c1, b4 = (uuid4() for _ in range(5))
    streams = [("a", "Case", 0), ("b", "Case", 2), ("c", "Other", -1)]
    call(database, streams, [(a1, 1), (b3, 2), (a2, 1), (c1, 3), (b4, 2)])
    *_, first, second, third, fourth, fifth = store.get_all_events()

    assert placed(store)[2:] == [
        *(("a", 1, a1), ("b", 3, b3), ("a", 2, a2), ("c", 1, c1), ("b", 4, b4)),
    ]
    assert [e.payload["n"] for e in (first, second, third, fourth, fifth)] == [0, 1, 2, 3, 4]
    assert (first.aggregate_type, fourth.aggregate_type) == ("Case", "Other")


def test_the_time_is_the_databases_and_never_goes_back_in_a_stream(
    database: Database, store: EventStore, fresh: TestDatabase
) -> None:
    later = datetime(2999, 1, 1, tzinfo=UTC)
    with closing(psycopg.connect(fresh.admin_url, autocommit=True)) as owner:
        owner.execute(
            "insert into fleetlog.events (event_id, aggregate_id, aggregate_type, event_type, "
            "version, sequence_number, data, metadata, timestamp) "
            "values (gen_random_uuid(), 'ahead', 'Case', 'Moved', 1, 1, '{}', '{}', %s)",
            (later,),
        )
        [(names,)] = owner.execute(SIGNATURE).fetchall()
    before = datetime.now(UTC)
    call(database, [("ahead", "Case", 1), ("new", "Case", 0)], [(uuid4(), 1), (uuid4(), 2)])
    _, ahead, new = store.get_all_events()

    assert ahead.timestamp == later
    assert before <= new.timestamp <= datetime.now(UTC)
    assert [name for name in names if "time" in name or "sequence" in name] == []


def test_the_database_itself_is_the_witness_whatever_is_claimed(
    database: Database, fresh: TestDatabase
) -> None:
    call(database, [("a", "Case", 0)], [(uuid4(), 1)])
    with closing(psycopg.connect(fresh.admin_url)) as owner:
        assert owner.execute(WITNESS).fetchall() == [("fleetlog_app", "eve")]


def test_a_stream_that_is_not_as_expected_keeps_the_others_out_too(
    database: Database, store: EventStore
) -> None:
    store.append_events("b", 0, facts(2), aggregate_type="Case")
    for stream, state, detail in REFUSED:
        with pytest.raises(psycopg.DatabaseError) as refusal:
            call(database, [("a", "Case", 0), stream], [(uuid4(), 1), (uuid4(), 2)])

        assert (refusal.value.sqlstate, refusal.value.diag.message_detail) == (state, detail)
        assert refusal.value.diag.message_primary == stream[0]
    assert len(placed(store)) == 2


def test_an_event_id_is_taken_once(database: Database, store: EventStore) -> None:
    id = uuid4()
    call(database, [("a", "Case", 0)], [(id, 1)])
    with pytest.raises(psycopg.errors.UniqueViolation, match="events_pkey"):
        call(database, [("b", "Case", 0)], [(uuid4(), 1), (id, 1)])

    assert placed(store) == [("a", 1, id)]


def test_readers_wait_for_an_import_that_is_not_committed(
    database: Database, store: EventStore
) -> None:
    with database.connect(Role.WRITER) as connection, connection.transaction():
        connection.execute(
            "select fleetlog.import_events('{a}', '{Case}', '{0}', array[gen_random_uuid()], "
            "'{1}', '{Moved}', '{1}', array['{}'], array['{}'])"
        )
        store.append_events("b", 0, facts(1), aggregate_type="Case")

        assert (store.safe_position(), placed(store)) == (0, [])
    assert [(id, n) for id, n, _ in placed(store)] == [("a", 1), ("b", 1)]
