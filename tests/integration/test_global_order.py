"""One global order: a reader that remembers one position never skips an event."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import psycopg
import pytest
from psycopg import IsolationLevel

from store.appending import Append
from store.codec import Metadata
from store.engine import Connection, Database, Role
from store.errors import UnsafeReaderError
from store.event_store import EventStore, read_safe_position
from tests.conftest import TestDatabase
from tests.integration import order_schedules as schedules
from tests.integration.order_check import (
    WRONG_READERS,
    Poller,
    Seen,
    committed,
    faults,
    store_reader,
    wrong_reader,
)
from tests.integration.order_load import (
    DOORS,
    INTO,
    Door,
    Writer,
    append,
    facts,
    insert,
    run_against,
)
from tests.integration.order_stage import Stage, number, stage

Schedule = Callable[[Stage], None]

SCHEDULES: tuple[Schedule, ...] = (
    schedules.overtaken,
    schedules.the_younger_draws_first,
    schedules.late_draws,
    schedules.drawn_again_after_a_savepoint,
    schedules.undone_by_an_exception,
    schedules.committed_while_the_reader_reads,
    schedules.drawn_between_the_two_looks,
    schedules.slow_to_announce,
)
CATCHES: dict[str, Schedule] = {
    "naive": schedules.overtaken,
    "old_transactions": schedules.the_younger_draws_first,
    "one_statement": schedules.committed_while_the_reader_reads,
}
FORGERIES = ["1000000", str(2**63 - 1), "3", "0", "-1", str(-(2**63))]
FIFTY_THOUSAND = (
    "do $$ begin for n in 1..50000 loop "
    f"{INTO} values (gen_random_uuid(), 'one', 'Load', 'Loaded', 1, n, '{{}}', '{{}}', now()); "
    "end loop; end $$"
)
LOCKS = "select count(*) from pg_locks where locktype = 'advisory' and pid = %s"


@pytest.fixture
def stage_of_the_store(fresh: TestDatabase, store: EventStore) -> Iterator[Stage]:
    with stage(fresh.admin_url, Poller(store_reader(store))) as ready:
        yield ready


@pytest.fixture
def owner(fresh: TestDatabase) -> Iterator[Connection]:
    with owner_of(fresh) as connection:
        yield connection


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.__name__)
def test_a_reader_misses_nothing_on_the_unluckiest_schedule(
    stage_of_the_store: Stage, schedule: Schedule
) -> None:
    schedule(stage_of_the_store)

    assert not stage_of_the_store.faults()
    assert len(stage_of_the_store.poller.seen) > 1


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_no_door_leads_around_the_announcement(stage_of_the_store: Stage, door: Door) -> None:
    schedules.overtaken(stage_of_the_store, door)

    assert not stage_of_the_store.faults()
    assert len(stage_of_the_store.poller.seen) == 4


@pytest.mark.parametrize("announced", FORGERIES)
def test_a_forged_announcement_never_makes_a_reader_skip(
    stage_of_the_store: Stage, announced: str
) -> None:
    schedules.forged(stage_of_the_store, announced)

    assert not stage_of_the_store.faults()
    assert len(stage_of_the_store.poller.seen) == 6


@pytest.mark.parametrize("announced", FORGERIES)
def test_an_announcement_forged_between_two_draws_never_makes_a_reader_skip(
    stage_of_the_store: Stage, announced: str
) -> None:
    schedules.forged_between_draws(stage_of_the_store, announced)

    assert not stage_of_the_store.faults()
    assert len(stage_of_the_store.poller.seen) == 4


def test_a_forged_announcement_delays_readers_no_longer_than_its_transaction(
    store: EventStore, owner: Connection
) -> None:
    store.append_events("before", 0, facts(3), aggregate_type="Load")
    with owner.transaction():
        owner.execute("set fleetlog.announced = '1'")
        insert(owner, "forged", 1, 1)
        delayed = store.safe_position()

    assert delayed == 1
    assert store.safe_position() == 4


@pytest.mark.parametrize("name", WRONG_READERS)
def test_the_check_finds_what_a_wrong_reader_misses(
    fresh: TestDatabase, owner: Connection, name: str
) -> None:
    with stage(fresh.admin_url, Poller(wrong_reader(owner, name))) as unlucky:
        CATCHES[name](unlucky)
        found = unlucky.faults()

    assert len(found.missed) >= 1
    assert not found.invented


def test_the_check_finds_disorder() -> None:
    everything = [Seen(1, "a", 1), Seen(2, "a", 2), Seen(3, "b", 1)]
    backwards = [everything[1], everything[0], everything[2]]

    assert not faults(everything, everything)
    assert faults(backwards, everything).out_of_order
    assert faults(backwards, everything).out_of_stream_order
    assert faults(everything, everything[:2]).invented == {everything[2]}


def test_eight_awkward_writers_cannot_make_a_reader_miss_anything(
    fresh: TestDatabase, store: EventStore
) -> None:
    seed = time.time_ns() % 1_000_000
    with ExitStack() as sessions:
        careless = [
            Poller(wrong_reader(sessions.enter_context(owner_of(fresh)), name))
            for name in ("naive", "old_transactions")
        ]
        careful = Poller(store_reader(store, limit=97))
        writers = [
            Writer(f"w{n}", sessions.enter_context(owner_of(fresh)), store, seed + n)
            for n in range(8)
        ]
        run_against(writers, [careful, *careless], seconds=5)
    everything = committed(fresh.admin_url)

    assert not faults(careful.seen, everything), f"seed {seed}"
    assert len(everything) > 500
    # The load was worth its time: it would have caught these two.
    assert all(faults(poller.seen, everything).missed for poller in careless)


def test_what_was_acknowledged_first_stands_first(store: EventStore, database: Database) -> None:
    def from_a_session_of_its_own(connection: Connection, stream: str, version: int) -> int:
        appended = Append(stream, version, facts(1), "Load", Metadata(), None).run(connection)
        return appended.positions[0]

    with database.connect(Role.WRITER) as one, database.connect(Role.WRITER) as two:
        positions = [
            from_a_session_of_its_own(connection, stream, version)
            for version in range(20)
            for connection, stream in ((one, "a"), (two, "b"))
        ]

    assert positions == sorted(positions)
    assert [event.global_sequence for event in store.get_all_events()] == positions


def test_a_writer_waits_for_no_writer_to_another_stream(
    stage_of_the_store: Stage, store: EventStore
) -> None:
    paused, other = stage_of_the_store.session(), stage_of_the_store.session()
    other.execute("set lock_timeout = '200ms'")
    paused.execute("begin")
    append(paused, "paused", 1, 2)
    append(other, "other", 1, 2)
    for door in DOORS:
        door(other, door.__name__, 1, 2)
    before = store.get_all_events()
    paused.execute("commit")

    assert before == []
    assert len(store.get_all_events()) == 2 * (2 + len(DOORS))


def test_a_writer_waits_for_no_reader(stage_of_the_store: Stage, store: EventStore) -> None:
    reader, writer = stage_of_the_store.session(), stage_of_the_store.session()
    writer.execute("set lock_timeout = '200ms'")
    append(writer, "a", 1, 1)
    reader.execute("begin")
    reader.execute("select fleetlog.safe_position()")
    reader.execute("select * from fleetlog.events")
    append(writer, "a", 2, 1)
    insert(writer, "b", 1, 1)
    with_the_reader_still_there = store.safe_position()
    reader.execute("commit")

    assert with_the_reader_still_there == 3


def test_fifty_thousand_inserts_in_one_transaction_leave_the_server_healthy(
    owner: Connection, store: EventStore
) -> None:
    started = time.monotonic()
    with owner.transaction():
        owner.execute(FIFTY_THOUSAND.encode())
        locks = number(owner, LOCKS, owner.info.backend_pid)
        meanwhile = store.append_events("other", 0, facts(1), aggregate_type="Load")
        delayed = store.get_all_events()
    seconds = time.monotonic() - started

    assert locks == 1
    assert meanwhile.version == 1
    assert delayed == []
    assert len(store.get_all_events(limit=60_000)) == 50_001
    assert seconds < 20


def test_an_empty_store_is_safe_up_to_nothing(store: EventStore) -> None:
    assert store.safe_position() == 0
    assert store.get_all_events() == []


def test_positions_that_were_drawn_in_vain_hold_nobody_back(
    store: EventStore, owner: Connection
) -> None:
    with owner.transaction(force_rollback=True):
        insert(owner, "given up", 1, 3)
        during = store.safe_position()

    assert during == 0
    assert store.safe_position() == 3
    assert store.get_all_events() == []


@pytest.mark.parametrize("level", list(IsolationLevel)[2:], ids=lambda level: level.name)
def test_a_reader_with_a_frozen_snapshot_is_refused(
    database: Database, level: IsolationLevel
) -> None:
    with database.connect(Role.READER) as connection:
        connection.execute(f"begin isolation level {words(level)}".encode())
        with pytest.raises(UnsafeReaderError, match="READ COMMITTED"):
            read_safe_position(connection)
        connection.execute("rollback")


def words(level: IsolationLevel) -> str:
    return level.name.replace("_", " ")


def owner_of(fresh: TestDatabase) -> closing[Connection]:
    """Lend a session that may insert directly."""
    return closing(psycopg.connect(fresh.admin_url, autocommit=True))
