"""Commands in bad company: connections that break, neighbours that are slow."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from domain.users import (
    ChangeUserEmail,
    CreateUser,
    DeactivateUser,
    ReactivateUser,
    UserReactivated,
)
from store.cache import AggregateCache
from store.engine import TIMEOUTS, Database, Role
from store.event_store import EventStore
from store.inbox import Inbox
from tests import toys
from tests.conftest import TestDatabase
from tests.integration import proxy as wires
from tests.integration.inboxes import (
    WAITING,
    count,
    drain,
    handler,
    notes,
    rings,
    state_of,
    statuses,
    submitted,
    work_off,
)
from tests.integration.lent import lent
from tests.polling import eventually
from tests.toys import Label, Ring, ToyCommand
from workers.embedded import Servers
from workers.settings import sqlalchemy_url

EMAILS = ("kim@example.org", "kim@example.com")


@pytest.fixture(scope="module")
def fresh(running: Servers) -> Iterator[TestDatabase]:
    """One database for all of these tests: each has a toy of its own."""
    with lent(running) as database:
        yield database


@pytest.mark.parametrize("trap", wires.Trap, ids=lambda trap: trap.name.lower())
@pytest.mark.parametrize("moment", ["settling", "commit"])
def test_a_command_takes_effect_once_however_the_connection_breaks(
    inbox: Inbox,
    fresh: TestDatabase,
    store: EventStore,
    toy: str,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    trap: wires.Trap,
) -> None:
    ids = submitted(inbox, *rings(toy, [1, 2]), Label(toy_id=toy, text="x"))
    ids += submitted(inbox, Label(toy_id=toy, text="x"))
    with wires.proxy(fresh.url) as wire:
        far = Database(sqlalchemy_url(wire.url))
        toys.hooks[toy] = in_turn(toys.hooks.clear, lambda: wire.set(trap))
        if moment == "commit":
            monkeypatch.setattr(wires, "CALL", wires.COMMIT)
        work_off(handler(far), toy)
        far.dispose()

    assert wire.traps == []
    assert statuses(inbox, ids) == ["done", "done", "done", "rejected"]
    assert notes(store, toy) == [1, 2]


def test_a_command_cancelled_while_it_is_decided_takes_no_effect(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    first, cancelled = submitted(inbox, *rings(toy, [1, 2]))
    toys.hooks[toy] = lambda command: (
        command == Ring(toy_id=toy, note=2) and inbox.set_aside(cancelled, "cancelled", None)
    )
    work_off(handler(database), toy)

    assert statuses(inbox, [first, cancelled]) == ["done", "cancelled"]
    assert notes(store, toy) == [1]


def test_a_refusal_decided_on_a_stale_memory_is_never_recorded(
    inbox: Inbox, database: Database, toy: str
) -> None:
    here, elsewhere = handler(database), handler(database)
    submitted(
        inbox,
        CreateUser(user_id=toy, username="kim", email=EMAILS[0]),
        DeactivateUser(user_id=toy, reason="asked"),
    )
    work_off(here, toy)  # remembers: deactivated
    submitted(inbox, ReactivateUser(user_id=toy))
    work_off(elsewhere, toy)
    (id,) = submitted(inbox, ChangeUserEmail(user_id=toy, new_email=EMAILS[1]))
    work_off(here, toy)
    state = state_of(inbox, id)

    assert (state.status, state.error) == ("done", None)
    assert state.result
    assert state.result["version"] == 4


def test_a_refusal_is_not_recorded_when_its_reason_goes_away_while_it_is_decided(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    store.append_events(toy, 0, [toys.Labelled(text="x")])
    (id,) = submitted(inbox, Label(toy_id=toy, text="x"))

    def meanwhile(_: ToyCommand) -> None:
        toys.hooks.clear()
        store.append_events(toy, 1, [toys.Labelled(text="y")])

    toys.hooks[toy] = meanwhile
    work_off(handler(database), toy)

    assert state_of(inbox, id).status == "done"
    assert len(store.load_events(toy)) == 3


def test_a_command_is_decided_on_what_others_have_appended_meanwhile(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    mine = handler(database)
    submitted(inbox, CreateUser(user_id=toy, username="kim", email=EMAILS[0]))
    work_off(mine, toy)
    store.append_events(toy, 1, [UserReactivated()])
    (id,) = submitted(inbox, DeactivateUser(user_id=toy, reason="asked"))
    work_off(mine, toy)
    result = state_of(inbox, id).result

    assert result
    assert result["version"] == 3


def test_a_drain_that_waited_for_its_turn_sees_what_came_meanwhile_and_decides_nothing_twice(
    inbox: Inbox, database: Database, fresh: TestDatabase, store: EventStore, toy: str
) -> None:
    decided: list[ToyCommand] = []
    inside, go_on = Event(), Event()

    def hold(command: ToyCommand) -> None:
        decided.append(command)
        inside.set()
        assert go_on.wait(10)

    toys.hooks[toy] = hold
    (first,) = submitted(inbox, Ring(toy_id=toy, note=1))
    with ThreadPoolExecutor() as threads:
        holder = threads.submit(drain(database).run, [toy], wait=True)
        assert inside.wait(10)
        waiter = threads.submit(drain(database).run, [toy], wait=True)
        assert eventually(lambda: count(fresh, WAITING) == 1)
        (second,) = submitted(inbox, Ring(toy_id=toy, note=2))
        go_on.set()
        settled = [holder.result().settled, waiter.result().settled]

    assert settled == [{first}, {second}]
    assert decided == rings(toy, [1, 2])
    assert notes(store, toy) == [1, 2]


def test_a_drain_passes_by_an_inbox_that_somebody_else_drains(
    inbox: Inbox, database: Database, toy: str
) -> None:
    other = f"{toy}-other"
    inside, go_on = Event(), Event()
    toys.hooks[toy] = in_turn(inside.set, lambda: go_on.wait(10))
    submitted(inbox, Ring(toy_id=toy, note=1))
    (free,) = submitted(inbox, Ring(toy_id=other, note=1))
    with ThreadPoolExecutor() as threads:
        holder = threads.submit(drain(database).run, [toy], wait=True)
        assert inside.wait(10)
        passed = drain(database).run([toy, other], wait=False)
        go_on.set()
        holder.result()

    assert passed.settled == {free}
    assert passed.skipped == [toy]


def test_a_handler_that_freezes_while_it_decides_holds_nobody_up_for_long_and_changes_nothing(
    inbox: Inbox,
    database: Database,
    fresh: TestDatabase,
    store: EventStore,
    toy: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(
        TIMEOUTS[Role.WRITER], "idle_in_transaction_session_timeout", "300ms"
    )  # instead of five seconds, to be quicker
    frozen, thawed = Event(), Event()
    toys.hooks[toy] = in_turn(toys.hooks.clear, frozen.set, lambda: thawed.wait(10))
    ids = submitted(inbox, *rings(toy, [1, 2]))
    slow = Database(sqlalchemy_url(fresh.url))
    with ThreadPoolExecutor() as threads:
        sleeper = threads.submit(work_off, handler(slow), toy)
        assert frozen.wait(10)
        work_off(handler(database), toy)
        settled = [state_of(inbox, id) for id in ids]
        thawed.set()
        sleeper.result()
    slow.dispose()

    assert [state.status for state in settled] == ["done", "done"]
    assert [state_of(inbox, id) for id in ids] == settled
    assert notes(store, toy) == [1, 2]


def test_a_process_without_a_memory_works_all_the_same(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    forgetful = drain(database, AggregateCache(size=0, ttl_seconds=1))
    for note in range(3):
        submitted(inbox, Ring(toy_id=toy, note=note))
        forgetful.run([toy], wait=True)

    assert notes(store, toy) == [0, 1, 2]


def test_a_crowd_after_a_crash_charges_each_command_to_the_one_who_runs_it(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    ids = submitted(inbox, *rings(toy, range(60)))
    with ThreadPoolExecutor(8) as crowd:
        for _ in range(8):
            crowd.submit(work_off, handler(database, max_attempts=2), toy, suspicious=True)
    states = [state_of(inbox, id) for id in ids]

    assert {(state.status, state.attempts) for state in states} == {("done", 1)}
    assert notes(store, toy) == list(range(60))


def in_turn(*actions: Callable[[], object]) -> Callable[[object], None]:
    """Make a hook that does one thing after the other."""

    def hook(_: object) -> None:
        for action in actions:
            action()

    return hook
