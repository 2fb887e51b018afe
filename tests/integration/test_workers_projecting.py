"""Advancing a projection as workers do: one at a time, and harmless when it is not one."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from threading import Event

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from domain.users import CreateUser
from store.codec import RawEvent
from store.engine import Database, Role
from store.projection import Order
from store.read_model_tables import restart
from store.read_models.user_directory import UserRow
from store.recorded import RecordedEvent
from tests.fleets import TestFleet, connected
from tests.integration.shelves import OWNER, Shelf, rang
from tests.polling import eventually
from tests.processes import Process, started
from tests.toy_shelf import UNLUCKY, ToyShelf
from workers import doorbell
from workers.fleet import fleet, process_name
from workers.projecting import UnknownProjectionError, advance
from workers.settings import sqlalchemy_url
from workers.submitting import submit

NAME = "toy_shelf"
NOBODY = "unix:///nobody/listens/here.sock"
HERE = "here I am"
ONE_BY_ONE = {
    "FLEETLOG_BATCH_SIZE": "1",
    "FLEETLOG_LOCK_LEASE_SECONDS": "0.6",
    "FLEETLOG_ADVANCE_BUDGET_SECONDS": "0.5",
}


@pytest.fixture
def database(idle: TestFleet) -> Iterator[Database]:
    """The fleet's, with connections of the test's own."""
    database = Database(sqlalchemy_url(idle.database.url))
    yield database
    database.dispose()


@pytest.fixture
def shelf(database: Database, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """The shelf of toys, declared to the workers of this process."""
    projection = ToyShelf()
    monkeypatch.setattr("store.projection._projections", {NAME: projection})
    return Shelf(database, projection)


def test_whoever_advances_folds_all_there_is(shelf: Shelf) -> None:
    shelf.append("a", *rang(1, 2, 3))
    more = advance(NAME)
    checkpoint = shelf.checkpoint()

    assert not more
    assert shelf.rows() == shelf.from_scratch()
    assert (checkpoint.status, checkpoint.error) == ("running", None)
    assert checkpoint.owner == process_name()


def test_whoever_runs_out_of_time_says_that_there_is_more(idle: TestFleet, shelf: Shelf) -> None:
    def dawdle(_: RecordedEvent) -> None:
        eventually(lambda: time.monotonic() > started_at + 0.5)

    shelf.append("a", *rang(1, 2, 3))
    shelf.projection.on_event = dawdle
    with connected({**idle.environment, **ONE_BY_ONE}):
        started_at = time.monotonic()
        more = [advance(NAME)]
        position = shelf.position
        while more[-1]:
            more.append(advance(NAME))

    assert more[0]
    assert position == 1
    assert shelf.rows() == shelf.from_scratch()


def test_an_unknown_event_halts_it_visibly_until_some_code_knows_it(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.append("a", *rang(1))
    shelf.append("a", RawEvent(event_type="Melted", data={}))
    more = [advance(NAME), advance(NAME)]
    halted = shelf.checkpoint()
    monkeypatch.setattr(ToyShelf, "ignorable", frozenset({"Melted"}))
    advance(NAME)
    going_on = shelf.checkpoint()

    assert more == [False, False]
    assert (halted.status, halted.last_global_sequence) == ("halted", 1)
    assert halted.error
    assert "no class here knows Toy event 'Melted'" in halted.error
    assert (going_on.status, going_on.error, going_on.last_global_sequence) == ("running", None, 2)


def test_a_poison_event_halts_it_visibly_where_nothing_may_be_left_out(shelf: Shelf) -> None:
    shelf.projection.order = Order.GLOBAL  # type: ignore[misc]  # one class for both kinds
    shelf.append("a", *rang(1, UNLUCKY))
    advance(NAME)
    halted = shelf.checkpoint()

    assert (halted.status, halted.last_global_sequence) == ("halted", 1)
    assert halted.error
    assert "event Rang at position 2" in halted.error


def test_code_of_another_version_halts_with_the_advice_to_rebuild(shelf: Shelf) -> None:
    shelf.append("a", *rang(1))
    advance(NAME)
    shelf.append("a", *rang(2))
    shelf.projection.version = 2  # type: ignore[misc]  # as a new release of its module would
    advance(NAME)
    halted = shelf.checkpoint()
    restart(shelf.database, shelf.projection, OWNER)
    advance(NAME)

    assert (halted.status, halted.last_global_sequence) == ("halted", 1)
    assert halted.error == (
        "its rows are of version 1, this code is version 2; run: fleetlog rebuild toy_shelf"
    )
    assert shelf.checkpoint().status == "running"
    assert shelf.rows() == shelf.from_scratch()


def test_what_halts_it_is_said_once_and_not_at_every_tick(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.projecting._halted_by", {})  # as in a new process
    shelf.append("a", *rang(1, 2))
    shelf.projection.version = 2  # type: ignore[misc]  # as a new release of its module would

    with capture_logs() as logs:
        for _ in range(3):
            advance(NAME)
        shelf.projection.version = 3  # type: ignore[misc]
        advance(NAME)

    said = [line["error"] for line in logs if line["event"] == "projection halted"]
    assert len(said) == 2
    assert "this code is version 3" in said[1]


def test_a_projection_that_nobody_declares_is_refused_by_name(idle: TestFleet) -> None:
    with pytest.raises(UnknownProjectionError, match="no projection is called 'nonsense'"):
        advance("nonsense")


def test_without_redis_it_is_advanced_all_the_same(idle: TestFleet, shelf: Shelf) -> None:
    shelf.append("a", *rang(1))
    with connected({**idle.environment, "REDIS_URL": NOBODY}):
        advance(NAME)
        doorbell.ring({"Toy"})

    assert shelf.rows() == shelf.from_scratch()


def test_two_at_once_do_the_work_once_and_leave_no_event_lying(shelf: Shelf) -> None:
    inside, go_on = Event(), Event()

    def hold(_: RecordedEvent) -> None:
        inside.set()
        assert go_on.wait(10)

    shelf.projection.on_event = hold
    shelf.append("a", *rang(1))
    with ThreadPoolExecutor() as threads:
        holder = threads.submit(advance, NAME)
        assert inside.wait(10)
        late = shelf.append("a", *rang(2))
        epoch = shelf.checkpoint().epoch
        more = advance(NAME)  # for the second event; finds the lock taken
        untouched = shelf.checkpoint().epoch == epoch
        go_on.set()
        holder.result()

    assert not more
    assert untouched
    assert shelf.position == late
    assert shelf.rows() == shelf.from_scratch()


def test_a_bell_is_heard_once_until_it_is_answered(idle: TestFleet, shelf: Shelf) -> None:
    heard = []
    with idle.client() as redis:
        for act in (ring, ring, lambda: doorbell.ring({"Load"}), lambda: advance(NAME), ring):
            act()
            heard.append(redis.llen("projections"))

    assert heard == [1, 1, 1, 1, 2]


def test_a_fleet_that_wants_no_doorbell_hears_none(idle: TestFleet, shelf: Shelf) -> None:
    with connected({**idle.environment, "FLEETLOG_DOORBELL": "no"}), idle.client() as redis:
        ring()

        assert redis.llen("projections") == 0


def ring() -> None:
    doorbell.ring({"Toy", "Load"})


def test_a_read_model_is_fresh_soon_after_a_command_and_needs_no_tick(
    worked: TestFleet,
    toy: str,
) -> None:
    found = select(UserRow).where(UserRow.user_id == toy)
    submit(CreateUser(user_id=toy, username="kim", email="kim@example.org")).get(timeout=20)
    with Session(fleet.database.engine(Role.READER)) as session:
        row = eventually(lambda: session.scalar(found))

    assert row
    assert row.username == "kim"


@pytest.fixture
def shared(idle: TestFleet, shelf: Shelf) -> Iterator[Shelf]:
    """Like `shelf`, in a fleet of short leases and small batches, with work for several."""
    shelf.append("a", *rang(1, 2))
    shelf.append("b", *rang(1, 2))
    with connected({**idle.environment, **ONE_BY_ONE}):
        yield Shelf(shelf.database, shelf.projection, batch_size=1)


def asleep(idle: TestFleet, where: str) -> AbstractContextManager[Process]:
    """Have another process advance the shelf, and fall asleep on the way."""
    return started(
        *("-m", "tests.integration.advancer", where),
        environment={**idle.environment, **ONE_BY_ONE},
        log=idle.home / "advancer.log",
        ready=HERE,
    )


def lease_is_over(idle: TestFleet) -> bool:
    with idle.client() as redis:
        return not redis.exists(f"fleetlog:lock:projection:{NAME}")


def advance_to_the_end(shelf: Shelf) -> None:
    eventually(lambda: advance(NAME) or shelf.position == shelf.store.safe_position())


def rebuild_to_the_same_place(shelf: Shelf) -> None:
    place = shelf.position
    restarted = restart(shelf.database, shelf.projection, OWNER)
    while restarted.last_global_sequence < place:
        restarted = shelf.projector.advance(restarted).checkpoint


@pytest.mark.parametrize(
    "meanwhile", [advance_to_the_end, rebuild_to_the_same_place], ids=lambda act: act.__name__
)
def test_a_stopped_process_that_wakes_after_its_lease_changes_nothing(
    idle: TestFleet, shared: Shelf, meanwhile: Callable[[Shelf], None]
) -> None:
    with asleep(idle, "between-batches") as sleeper:
        sleeper.pause()
        eventually(lambda: lease_is_over(idle))
        meanwhile(shared)
        before = shared.traces(idle.database)
        sleeper.tell("go on")
        sleeper.resume()
        sleeper.wait_for("ended well")

    assert "another writer took over" in sleeper.output
    assert shared.traces(idle.database) == before


def test_a_process_stopped_within_a_batch_holds_nobody_up_for_long_and_changes_nothing(
    idle: TestFleet, shared: Shelf
) -> None:
    with asleep(idle, "in-a-batch") as sleeper:
        sleeper.pause()
        eventually(lambda: lease_is_over(idle))
        advance_to_the_end(shared)
        before = shared.traces(idle.database)
        sleeper.tell("go on")
        sleeper.resume()
        sleeper.wait_for("ended well")

    assert shared.traces(idle.database) == before
    assert shared.rows() == shared.from_scratch()


def test_a_process_killed_within_a_batch_leaves_neither_rows_nor_checkpoint(
    idle: TestFleet, shared: Shelf
) -> None:
    with asleep(idle, "in-a-batch") as doomed:
        doomed.kill()
    left = (shared.position, shared.rows())
    advance_to_the_end(shared)

    assert left == (0, {})
    assert shared.rows() == shared.from_scratch()
