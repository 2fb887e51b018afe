"""A stream is 1..n without a hole, and nothing in it is ever overwritten."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa

from domain.users import UserCreated, UserDeactivated
from store.codec import AnyEvent, Metadata
from store.engine import Connection, Database, Role
from store.errors import AggregateTypeError, ConcurrencyError, UnstorableError
from store.event_store import EventStore, Expected
from store.recorded import RecordedEvent
from tests.conftest import TestDatabase
from tests.integration.order_load import facts
from workers.settings import sqlalchemy_url

created = UserCreated(user_id="42", username="ada", email="ada@example.org")
deactivated = UserDeactivated(reason="asked to leave")
LATER = datetime.now(UTC) + timedelta(hours=1)
IMPORTED = (
    "insert into fleetlog.events (event_id, aggregate_id, aggregate_type, event_type, version,"
    " sequence_number, data, metadata, timestamp)"
    " values (gen_random_uuid(), 's', 'Load', 'Loaded', 1, 1, '{}', '{}', %s)"
)


@pytest.fixture
def callers(fresh: TestDatabase) -> Iterator[sa.Engine]:
    """An engine of the caller's own, as the writer."""
    url, options = sqlalchemy_url(fresh.url), {"options": "-c role=fleetlog_writer"}
    engine = sa.create_engine(url, connect_args=options)
    yield engine
    engine.dispose()


@pytest.fixture
def owner(fresh: TestDatabase) -> Iterator[Connection]:
    with closing(psycopg.connect(fresh.admin_url, autocommit=True)) as connection:
        yield connection


def numbers(events: list[RecordedEvent]) -> list[int]:
    return [event.sequence_number for event in events]


def test_a_stream_is_numbered_from_one_without_a_hole(store: EventStore) -> None:
    first = store.append_events("s", Expected.NO_STREAM, facts(1), aggregate_type="Load")
    second = store.append_events("s", 1, facts(3), aggregate_type="Load")
    third = store.append_events("s", Expected.ANY, facts(2), aggregate_type="Load")
    fourth = store.append_events("s", Expected.EXISTS, facts(1), aggregate_type="Load")
    stored = store.load_events("s")
    answers = [first, second, third, fourth]

    assert [answer.version for answer in answers] == [1, 4, 6, 7]
    assert numbers(stored) == [1, 2, 3, 4, 5, 6, 7]
    assert [position for answer in answers for position in answer.positions] == [
        event.global_sequence for event in stored
    ]
    assert not any(answer.repeated for answer in answers)


def test_an_event_is_read_as_it_was_appended(store: EventStore) -> None:
    metadata = Metadata(actor="eve", correlation_id="c-1", occurred_at="2020-02-02T02:02:02Z")
    before = datetime.now(UTC) - timedelta(seconds=5)
    store.append_events("42", 0, [created, deactivated], metadata=metadata)
    first, second = store.load_events("42")

    assert (first.event, second.event) == (created, deactivated)
    assert (first.aggregate_id, first.aggregate_type) == ("42", "User")
    assert (first.event_type, first.version) == ("UserCreated", 2)
    assert first.metadata == second.metadata == metadata
    assert before < first.timestamp < before + timedelta(minutes=1)
    assert first.event_id != second.event_id


def test_metadata_is_one_for_all_events_or_one_for_each(store: EventStore) -> None:
    each = [Metadata(actor="ada"), Metadata(actor="eve")]
    store.append_events("s", 0, facts(2), aggregate_type="Load", metadata=each)

    assert [event.metadata.actor for event in store.load_events("s")] == ["ada", "eve"]
    with pytest.raises(UnstorableError, match="one for all events or one for each"):
        store.append_events("s", 2, facts(3), aggregate_type="Load", metadata=each)
    assert len(store.load_events("s")) == 2


def test_the_database_bears_witness_to_who_connected(store: EventStore, owner: Connection) -> None:
    store.append_events("s", 0, facts(2), aggregate_type="Load", metadata=Metadata(actor="eve"))
    found = owner.execute("select metadata->>'db_user', metadata->>'actor' from fleetlog.events")

    assert found.fetchall() == [("fleetlog_app", "eve")] * 2


@pytest.mark.parametrize(
    ("stored", "expected", "said"),
    [
        (2, 1, "is at version 2, expected version 1"),
        (2, 3, "is at version 2, expected version 3"),
        (0, 1, "is at version 0, expected version 1"),
        (2, Expected.NO_STREAM, "is at version 2, expected no stream"),
        (0, Expected.EXISTS, "is at version 0, expected an existing stream"),
        (0, -3, "is at version 0, expected version -3"),
    ],
)
def test_a_stale_expectation_is_refused_with_the_actual_version_and_stores_nothing(
    store: EventStore, stored: int, expected: int, said: str
) -> None:
    store.append_events("s", Expected.ANY, facts(stored), aggregate_type="Load")

    with pytest.raises(ConcurrencyError, match=f"stream 's' {said}$") as refusal:
        store.append_events("s", expected, facts(2), aggregate_type="Load")
    assert refusal.value.actual == stored
    assert len(store.get_all_events()) == stored


@pytest.mark.parametrize("expected", [1, Expected.ANY, Expected.EXISTS])
def test_a_stream_stays_with_its_aggregate_type(store: EventStore, expected: int) -> None:
    store.append_events("42", 0, [created])

    with pytest.raises(AggregateTypeError, match="belongs to a User, not to a Load"):
        store.append_events("42", expected, facts(1), aggregate_type="Load")
    assert len(store.load_events("42")) == 1


def test_the_aggregate_type_must_be_beyond_doubt(store: EventStore) -> None:
    doubtful: list[list[AnyEvent]] = [[*facts(1)], [], [created, *facts(1)]]
    for events in doubtful:
        with pytest.raises(UnstorableError, match="aggregate_type must be given"):
            store.append_events("42", 0, events)

    assert store.get_all_events() == []


def test_appending_nothing_changes_nothing_but_is_still_checked(store: EventStore) -> None:
    store.append_events("s", 0, facts(1), aggregate_type="Load")
    nothing = store.append_events("s", 1, [], aggregate_type="Load")

    assert (nothing.version, nothing.positions) == (1, ())
    with pytest.raises(ConcurrencyError):
        store.append_events("s", 0, [], aggregate_type="Load")


def test_of_writers_who_race_for_one_version_a_single_one_wins(store: EventStore) -> None:
    def race(_runner: int) -> int | None:
        try:
            return store.append_events("s", 0, facts(2), aggregate_type="Load").version
        except ConcurrencyError:
            return None

    with ThreadPoolExecutor(8) as runners:
        won = list(runners.map(race, range(24)))

    assert sorted(won, key=str) == [2, *[None] * 23]
    assert numbers(store.load_events("s")) == [1, 2]


def test_writers_who_expect_any_version_all_find_their_place(store: EventStore) -> None:
    def crowd(_writer: int) -> tuple[int, ...]:
        return store.append_events("s", Expected.ANY, facts(2), aggregate_type="Load").positions

    with ThreadPoolExecutor(8) as writers:
        positions = [position for pair in writers.map(crowd, range(40)) for position in pair]
    stored = store.load_events("s")

    assert numbers(stored) == list(range(1, 81))
    assert sorted(positions) == [event.global_sequence for event in stored]


def test_reading_starts_after_the_version_or_position_it_is_given(store: EventStore) -> None:
    store.append_events("a", 0, facts(3), aggregate_type="Load")
    store.append_events("b", 0, facts(2), aggregate_type="Load")

    assert numbers(store.load_events_from_version("a", 1)) == [2, 3]
    assert store.load_events_from_version("a", 3) == []
    assert [e.global_sequence for e in store.get_all_events(2)] == [3, 4, 5]
    assert [e.global_sequence for e in store.get_all_events(1, limit=2)] == [2, 3]
    assert store.get_all_events(5) == store.load_events("never seen") == []


def test_an_append_in_the_callers_transaction_shares_its_fate(
    store: EventStore, callers: sa.Engine
) -> None:
    with callers.connect() as connection, connection.begin() as transaction:
        store.append_events("s", 0, facts(2), aggregate_type="Load", connection=connection)
        inside = connection.scalar(sa.text("select count(*) from fleetlog.events"))
        transaction.rollback()
    taken_back = store.load_events("s")
    with callers.begin() as connection:
        store.append_events("s", 0, facts(1), aggregate_type="Load", connection=connection)

    assert (inside, taken_back) == (2, [])
    assert numbers(store.load_events("s")) == [1]


def test_an_append_is_kept_by_a_commit_in_whatever_way_the_transaction_began(
    store: EventStore, callers: sa.Engine
) -> None:
    with callers.connect() as connection:
        store.append_events("s", 0, facts(1), aggregate_type="Load", connection=connection)
        connection.commit()

    assert numbers(store.load_events("s")) == [1]


def test_an_append_in_a_savepoint_is_taken_back_alone(
    store: EventStore, callers: sa.Engine
) -> None:
    with callers.begin() as connection:
        store.append_events("s", 0, facts(1), aggregate_type="Load", connection=connection)
        with connection.begin_nested() as savepoint:
            store.append_events("s", 1, facts(1), aggregate_type="Load", connection=connection)
            savepoint.rollback()
        store.append_events("s", 1, facts(2), aggregate_type="Load", connection=connection)

    assert numbers(store.load_events("s")) == [1, 2, 3]


def test_a_refusal_in_the_callers_transaction_says_why_and_may_be_taken_back(
    store: EventStore, callers: sa.Engine
) -> None:
    with callers.begin() as connection:
        store.append_events("s", 0, facts(1), aggregate_type="Load", connection=connection)
        with (
            pytest.raises(ConcurrencyError, match="is at version 1, expected version 7"),
            connection.begin_nested(),
        ):
            store.append_events("s", 7, facts(1), aggregate_type="Load", connection=connection)

    assert numbers(store.load_events("s")) == [1]


def test_time_never_goes_back_within_a_stream(store: EventStore, owner: Connection) -> None:
    owner.execute(IMPORTED, (LATER,))
    store.append_events("s", 1, facts(1), aggregate_type="Load")
    store.append_events("s", 2, facts(2), aggregate_type="Load")
    store.append_events("elsewhere", 0, facts(1), aggregate_type="Load")
    *stream, elsewhere = store.get_all_events()

    assert {event.timestamp for event in stream} == {LATER}
    assert elsewhere.timestamp < LATER


def test_a_connection_that_the_server_closed_is_replaced(
    store: EventStore, database: Database, owner: Connection
) -> None:
    store.append_events("s", 0, facts(1), aggregate_type="Load")
    with database.connect(Role.WRITER) as idle:
        pid = idle.info.backend_pid
    owner.execute("select pg_terminate_backend(%s, 5000)", (pid,))
    store.append_events("s", 1, facts(1), aggregate_type="Load")

    assert numbers(store.load_events("s")) == [1, 2]
