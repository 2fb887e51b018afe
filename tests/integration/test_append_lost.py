"""A connection that breaks during an append: however it breaks, the append happens once."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from store.engine import Database
from store.errors import ConcurrencyError
from store.event_store import Appended, CommandRow, EventStore, Expected
from store.retry import is_passing
from tests.conftest import TestDatabase
from tests.integration.accepting import accepted_command, new_command, status_of
from tests.integration.order_check import Poller, store_reader
from tests.integration.order_load import facts
from tests.integration.order_stage import stage
from tests.integration.proxy import Proxy, Trap, proxy
from workers.settings import sqlalchemy_url

EXACT = 2
EXPECTATIONS = [EXACT, Expected.ANY, Expected.EXISTS]
BROKEN = [
    (Trap.LOSE_REQUEST,),
    (Trap.LOSE_REPLY,),
    (Trap.HANG_UP,),
    (Trap.LOSE_REQUEST, Trap.HANG_UP, Trap.LOSE_REPLY),
]
WRITER = {"options": "-c role=fleetlog_writer"}

expecting = pytest.mark.parametrize("expected", EXPECTATIONS, ids=["exact", "any", "exists"])


@dataclass(frozen=True)
class Apart:
    """A stream of two events, in a store far away and near by; a wire leads to the far one."""

    far: EventStore
    near: EventStore
    wire: Proxy
    bring: Callable[[], CommandRow | None] = lambda: None

    def append(self, expected: int, count: int = 1) -> Appended:
        return self.far.append_events(
            "s", expected, facts(count), aggregate_type="Load", command=self.bring()
        )

    def append_near(self, expected: int) -> Appended:
        return self.near.append_events("s", expected, facts(1), aggregate_type="Load")

    def stored(self) -> list[tuple[int, int]]:
        """Return version and position of every event of the stream."""
        return [(e.sequence_number, e.global_sequence) for e in self.near.load_events("s")]


@pytest.fixture
def wire(fresh: TestDatabase) -> Iterator[Proxy]:
    with proxy(fresh.url) as made:
        yield made


def a_clock(sleep: Callable[[float], object]) -> SimpleNamespace:
    """What retrying takes the time from, with something of ours to do instead of sleeping."""
    return SimpleNamespace(sleep=sleep, monotonic=time.monotonic)


@pytest.fixture
def apart(wire: Proxy, store: EventStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Apart]:
    monkeypatch.setattr("store.retry.time", a_clock(lambda _seconds: None))
    database = Database(sqlalchemy_url(wire.url))
    far = EventStore(database)
    far.append_events("s", 0, facts(2), aggregate_type="Load")
    yield Apart(far, store, wire)
    database.dispose()


@pytest.fixture(params=["alone", "with_its_command", "with_an_accepted_command"])
def accompanied(request: pytest.FixtureRequest, apart: Apart, database: Database) -> Apart:
    """The same, for each way in which an append may bring a command."""
    match request.param:
        case "with_its_command":
            return replace(apart, bring=new_command)
        case "with_an_accepted_command":
            return replace(apart, bring=lambda: accepted_command(database))
        case _:
            return apart


@expecting
def test_an_append_whose_connection_breaks_takes_effect_once(
    accompanied: Apart, expected: int
) -> None:
    for traps in BROKEN:
        before = accompanied.stored()
        accompanied.wire.set(*traps)
        appended = accompanied.append(len(before) if expected > 0 else expected, count=2)
        stored = accompanied.stored()

        assert [n for n, _ in stored] == list(range(1, len(before) + 3)), traps
        assert appended.version == len(stored)
        assert appended.positions == tuple(position for _, position in stored[-2:])
        assert accompanied.wire.traps == []


@expecting
def test_an_append_that_runs_twice_at_once_takes_effect_once(
    fresh: TestDatabase, accompanied: Apart, expected: int
) -> None:
    with stage(fresh.admin_url, Poller(store_reader(accompanied.near))) as actors:
        gate = actors.gate("fleetlog.announce", before=lambda _: "perform pg_advisory_xact_lock")
        gate.close()
        accompanied.wire.set(Trap.HANG_UP)
        waiting = actors.meanwhile(lambda: accompanied.append(expected, count=2))
        gate.await_somebody(count=2)
        gate.open()
        appended = waiting.result()
    stored = accompanied.stored()

    assert [version for version, _ in stored] == [1, 2, 3, 4]
    assert appended.version == 4
    assert appended.positions == tuple(position for _, position in stored[2:])


@expecting
def test_what_others_append_between_two_tries_does_not_hide_our_own(
    accompanied: Apart, monkeypatch: pytest.MonkeyPatch, expected: int
) -> None:
    monkeypatch.setattr("store.retry.time", a_clock(lambda _seconds: accompanied.append_near(3)))
    accompanied.wire.set(Trap.LOSE_REPLY)
    appended = accompanied.append(expected)
    stored = accompanied.stored()

    assert [version for version, _ in stored] == [1, 2, 3, 4]
    assert appended.version == 3
    assert appended.positions == (stored[2][1],)


def test_a_refusal_stays_a_refusal_when_its_answer_was_lost(apart: Apart) -> None:
    apart.wire.set(Trap.LOSE_REPLY)

    with pytest.raises(ConcurrencyError, match="is at version 2, expected version 1"):
        apart.append(expected=1)
    assert len(apart.stored()) == 2


def test_an_append_of_somebody_else_is_not_taken_for_our_own(apart: Apart) -> None:
    apart.wire.set(Trap.LOSE_REQUEST)
    apart.append_near(2)

    with pytest.raises(ConcurrencyError, match="is at version 3, expected version 2"):
        apart.append(expected=2)
    assert len(apart.stored()) == 3


def test_a_command_that_decided_nothing_is_settled_once(fresh: TestDatabase, apart: Apart) -> None:
    command = new_command()
    apart.wire.set(Trap.LOSE_REPLY)
    appended = replace(apart, bring=lambda: command).append(expected=2, count=0)

    assert (appended.version, appended.positions) == (2, ())
    assert status_of(fresh, command) == "done"


def test_a_reader_reads_on_when_its_connection_breaks(apart: Apart) -> None:
    apart.wire.set(Trap.LOSE_REPLY, Trap.LOSE_REQUEST, Trap.HANG_UP)
    read = apart.far.load_events("s")

    assert [event.sequence_number for event in read] == [1, 2]
    assert apart.wire.traps == []


@pytest.mark.parametrize("trap", Trap, ids=lambda trap: trap.name.lower())
def test_within_the_callers_transaction_nothing_is_tried_again(apart: Apart, trap: Trap) -> None:
    engine = sa.create_engine(sqlalchemy_url(apart.wire.url), connect_args=WRITER)

    def act() -> None:
        with engine.begin() as connection:
            apart.wire.set(trap)
            apart.far.append_events("s", 2, facts(1), aggregate_type="Load", connection=connection)

    with pytest.raises(sa.exc.OperationalError) as broken:
        act()
    engine.dispose()

    assert is_passing(broken.value)  # the caller may run the whole transaction again
    assert len(apart.stored()) == 2


def test_a_lost_commit_of_the_callers_is_resolved_by_the_commands_id(apart: Apart) -> None:
    engine = sa.create_engine(sqlalchemy_url(apart.wire.url), connect_args=WRITER)
    command = new_command()

    def act(*traps: Trap) -> Appended:
        with engine.begin() as connection:
            appended = apart.far.append_events(
                "s", 2, facts(1), aggregate_type="Load", command=command, connection=connection
            )
            apart.wire.set(*traps)
        return appended

    with pytest.raises(sa.exc.OperationalError):
        act(Trap.LOSE_REPLY)
    again = act()
    engine.dispose()

    assert again.repeated
    assert again.version == 3
    assert len(apart.stored()) == 3
