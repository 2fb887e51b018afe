"""Commands that fail: tried a few times, counted, set aside; their neighbours do not suffer."""

from collections.abc import Iterator

import psycopg
import pytest

from store.engine import Database
from store.event_store import EventStore
from store.inbox import Inbox
from tests import toys
from tests.conftest import TestDatabase
from tests.integration.inboxes import (
    accept_unheard,
    handler,
    notes,
    rings,
    state_of,
    statuses,
    submitted,
    work_off,
)
from tests.integration.lent import lent
from tests.integration.order_load import facts
from tests.toys import Label, Ring, ToyCommand
from workers.embedded import Servers

THREE = 3


@pytest.fixture(scope="module")
def fresh(running: Servers) -> Iterator[TestDatabase]:
    """One database for all of these tests: each has a toy of its own."""
    with lent(running) as database:
        yield database


def break_at(toy_id: str, note: int) -> list[ToyCommand]:
    """Give one toy a bug with one note; returns the list of all commands it will be tried with."""
    tried: list[ToyCommand] = []

    def hook(command: ToyCommand) -> None:
        tried.append(command)
        if command == Ring(toy_id=toy_id, note=note):
            toys.fail()

    toys.hooks[toy_id] = hook
    return tried


def test_a_command_that_fails_is_tried_a_few_times_and_then_parked(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    (id,) = submitted(inbox, Ring(toy_id=toy, note=1))
    tried = break_at(toy, 1)
    mine = handler(database, max_attempts=THREE)
    waits, attempts = [], []
    for suspicious in (False, True, True):
        waits.append(work_off(mine, toy, suspicious=suspicious).again_in)
        attempts.append(state_of(inbox, id).attempts)
    state = state_of(inbox, id)

    assert waits == [0, 0, None]
    assert attempts == [1, 2, 3]
    assert len(tried) == THREE
    assert state.status == "parked"
    assert state.error
    assert state.error["type"] == "ToyFaultError"
    assert state.error["message"] == "the clapper is loose"
    assert notes(store, toy) == []


def test_the_error_of_the_last_attempt_is_there_for_those_who_look(
    inbox: Inbox, database: Database, toy: str
) -> None:
    (id,) = submitted(inbox, Ring(toy_id=toy, note=1))
    break_at(toy, 1)
    work_off(handler(database), toy)
    state = state_of(inbox, id)

    assert state.status == "accepted"
    assert state.error
    assert state.error["message"] == "the clapper is loose"


@pytest.mark.parametrize("suspicious", [False, True])
def test_a_failing_command_is_not_overtaken_until_it_is_parked(
    inbox: Inbox, database: Database, store: EventStore, toy: str, *, suspicious: bool
) -> None:
    before, bad, behind = submitted(inbox, *rings(toy, [1, 2, 3]))
    break_at(toy, 2)
    mine = handler(database, max_attempts=THREE)
    work_off(mine, toy, suspicious=suspicious)
    waiting = statuses(inbox, [before, bad, behind])
    for _ in range(2):
        work_off(mine, toy, suspicious=suspicious)

    assert waiting == ["done", "accepted", "accepted"]
    assert statuses(inbox, [before, bad, behind]) == ["done", "parked", "done"]
    assert notes(store, toy) == [1, 3]


def test_what_was_parked_is_retried_at_the_end_of_its_inbox_and_succeeds_once_the_bug_is_fixed(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    bad, *_ = submitted(inbox, *rings(toy, [1, 2]))
    break_at(toy, 1)
    mine = handler(database, max_attempts=1)
    work_off(mine, toy)
    still_broken = inbox.retry([bad])
    work_off(mine, toy)
    parked_again = state_of(inbox, bad)
    toys.hooks.clear()
    submitted(inbox, Ring(toy_id=toy, note=3))
    inbox.retry([bad])
    work_off(mine, toy)

    assert still_broken == [bad]
    assert (parked_again.status, parked_again.attempts) == ("parked", 1)
    assert state_of(inbox, bad).status == "done"
    assert notes(store, toy) == [2, 3, 1]


def test_the_neighbours_of_a_failing_command_are_settled_and_not_charged(
    inbox: Inbox, database: Database, toy: str
) -> None:
    names = [f"{toy}-{n}" for n in range(5)]
    ids = submitted(inbox, *(Ring(toy_id=name, note=1) for name in names))
    break_at(names[2], 1)
    worked = work_off(handler(database, pause=1.0), *names)
    states = [state_of(inbox, id) for id in ids]

    assert [state.status for state in states] == ["done", "done", "accepted", "done", "done"]
    assert [state.attempts for state in states] == [0, 0, 1, 0, 0]
    assert worked.settled == {*ids} - {ids[2]}
    assert worked.again_in == 1


def test_a_fault_that_breaks_the_whole_batch_is_pinned_on_the_one_that_has_it(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    names = [f"{toy}-{n}" for n in range(3)]
    # An event that no class here knows keeps its aggregate from being loaded at all.
    store.append_events(names[1], 0, facts(1), aggregate_type="Toy")
    ids = submitted(inbox, *(Ring(toy_id=name, note=1) for name in names))
    mine = handler(database, max_attempts=1)
    work_off(mine, *names)
    error = state_of(inbox, ids[1]).error

    assert statuses(inbox, ids) == ["done", "parked", "done"]
    assert error
    assert "no class here knows Toy event 'Loaded'" in error["message"]


def test_a_command_for_the_id_of_another_kind_of_aggregate_is_refused(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    store.append_events(toy, 0, facts(1), aggregate_type="Load")
    (id,) = submitted(inbox, Ring(toy_id=toy, note=1))
    work_off(handler(database), toy)
    error = state_of(inbox, id).error

    assert state_of(inbox, id).status == "rejected"
    assert error
    assert error["message"] == f"stream {toy!r} belongs to a Load, not to a Toy"


def test_an_event_that_cannot_be_kept_parks_its_command(
    inbox: Inbox, database: Database, store: EventStore, toy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def record_nonsense(self: toys.Toy, _: ToyCommand) -> None:
        self.record(toys.Labelled(text="\x00"))

    first, bad, behind = submitted(
        inbox, Ring(toy_id=toy, note=1), Label(toy_id=toy, text="x"), Ring(toy_id=toy, note=2)
    )
    execute = toys.Toy.execute
    nonsense = {Label(toy_id=toy, text="x"): record_nonsense}
    monkeypatch.setattr(
        toys.Toy, "execute", lambda self, command: nonsense.get(command, execute)(self, command)
    )
    work_off(handler(database, max_attempts=1), toy)
    error = state_of(inbox, bad).error

    assert statuses(inbox, [first, bad, behind]) == ["done", "parked", "done"]
    assert error
    assert error["type"] == "UnstorableError"
    assert notes(store, toy) == [1, 2]


def test_a_command_that_no_class_here_answers_is_left_for_others_and_then_parked(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    (before,) = submitted(inbox, Ring(toy_id=toy, note=1))
    stranger = accept_unheard(database, toy)
    (behind,) = submitted(inbox, Ring(toy_id=toy, note=2))
    mine = handler(database, max_attempts=2)
    work_off(mine, toy)
    left = statuses(inbox, [before, stranger, behind])
    work_off(mine, toy, suspicious=True)
    error = state_of(inbox, stranger).error

    assert left == ["done", "accepted", "accepted"]
    assert statuses(inbox, [before, stranger, behind]) == ["done", "parked", "done"]
    assert error
    assert "no aggregate answers 'PolishToy'" in error["message"]
    assert notes(store, toy) == [1, 2]


def test_a_stored_command_that_does_not_fit_todays_class_waits_for_code_that_it_fits(
    inbox: Inbox, database: Database, toy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Struck(toys.Ring, name="Ring"):
        hammer: str

    (id,) = submitted(inbox, Ring(toy_id=toy, note=1))
    with monkeypatch.context() as older:
        older.setitem(toys.Toy.command_classes, "Ring", Struck)
        work_off(handler(database), toy)
        misfit = state_of(inbox, id)
    work_off(handler(database), toy)

    assert misfit.status == "accepted"
    assert misfit.error
    assert misfit.error["message"] == "Ring.hammer is missing"
    assert state_of(inbox, id).status == "done"


def test_a_command_over_which_workers_keep_dying_is_parked_with_a_reason(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    class Death(BaseException):
        pass

    def die(command: ToyCommand) -> None:
        if command == Ring(toy_id=toy, note=1):
            raise Death

    deadly, behind = submitted(inbox, *rings(toy, [1, 2]))
    toys.hooks[toy] = die
    deaths = 0
    for suspicious in (False, True, True):
        with pytest.raises(Death):
            work_off(handler(database, max_attempts=2), toy, suspicious=suspicious)
        deaths += 1
    work_off(handler(database, max_attempts=2), toy, suspicious=True)
    state = state_of(inbox, deadly)

    assert deaths == THREE
    assert (state.status, state.attempts) == ("parked", 2)
    assert state.error
    assert "died or was cut off, 2 times in a row" in state.error["message"]
    assert state_of(inbox, behind).status == "done"
    assert notes(store, toy) == [2]


def test_the_death_of_a_whole_batch_is_pinned_on_the_one_that_brings_it(
    inbox: Inbox, database: Database, toy: str
) -> None:
    class Death(BaseException):
        pass

    def die(_: ToyCommand) -> None:
        raise Death

    names = [f"{toy}-{n}" for n in range(3)]
    ids = submitted(inbox, *(Ring(toy_id=name, note=1) for name in names))
    toys.hooks[names[1]] = die
    for suspicious in (False, True):
        with pytest.raises(Death):
            work_off(handler(database, max_attempts=1), *names, suspicious=suspicious)
    work_off(handler(database, max_attempts=1), *names, suspicious=True)

    assert statuses(inbox, ids) == ["done", "parked", "done"]
    assert state_of(inbox, ids[2]).attempts == 1


def test_a_database_that_is_not_as_it_should_be_is_charged_to_nobody(
    inbox: Inbox, database: Database, fresh: TestDatabase, toy: str
) -> None:
    (id,) = submitted(inbox, Ring(toy_id=toy, note=1))
    mine = handler(database, max_attempts=THREE)
    with psycopg.connect(fresh.admin_url, autocommit=True) as admin:
        admin.execute("alter function fleetlog.settle_commands rename to elsewhere")
        for _ in range(THREE + 1):
            with pytest.raises(psycopg.errors.UndefinedFunction):
                work_off(mine, toy, suspicious=True)
        broken = state_of(inbox, id)
        admin.execute("alter function fleetlog.elsewhere rename to settle_commands")
    work_off(mine, toy, suspicious=True)

    assert (broken.status, broken.attempts) == ("accepted", 0)
    assert state_of(inbox, id).status == "done"
