"""Handling commands: each takes effect once, in the order of acceptance, on the newest state."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier

import pytest

from domain.users import (
    ChangeUserEmail,
    CreateUser,
)
from store.engine import Database
from store.event_store import EventStore
from store.inbox import Inbox
from tests.conftest import TestDatabase
from tests.integration.inboxes import (
    handler,
    notes,
    rings,
    state_of,
    statuses,
    submission,
    submitted,
    work_off,
)
from tests.integration.lent import lent
from tests.processes import started
from tests.toys import Label, Ring, RingAndRefuse
from workers.embedded import Servers
from workers.settings import sqlalchemy_url

EMAILS = ("kim@example.org", "kim@example.com")


@pytest.fixture(scope="module")
def fresh(running: Servers) -> Iterator[TestDatabase]:
    """One database for all of these tests: each has a toy of its own."""
    with lent(running) as database:
        yield database


def test_a_command_handled_again_keeps_its_first_result(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    one = submission(Ring(toy_id=toy, note=1))
    results = []
    for suspicious in (False, True, False):
        inbox.accept([one])
        work_off(handler(database), toy, suspicious=suspicious)
        results.append(state_of(inbox, one.command_id).result)
    event = store.load_events(toy)[0]

    assert notes(store, toy) == [1]
    assert results == 3 * [
        {"aggregate_id": toy, "version": 1, "position": event.global_sequence, "events": 1}
    ]


def test_a_command_that_changes_nothing_is_done_and_says_where_it_found_things(
    inbox: Inbox, database: Database, toy: str
) -> None:
    mine = handler(database)
    submitted(inbox, CreateUser(user_id=toy, username="kim", email=EMAILS[0]))
    created = work_off(mine, toy)
    (same,) = submitted(inbox, ChangeUserEmail(user_id=toy, new_email=EMAILS[0]))
    changed = work_off(mine, toy)
    state = state_of(inbox, same)

    assert state.status == "done"
    assert state.result == {"aggregate_id": toy, "version": 1, "position": None, "events": 0}
    assert (created.appended_types, changed.appended_types) == ({"User"}, set())


def test_a_command_that_changes_nothing_counts_what_its_batch_appended_before_it(
    inbox: Inbox, database: Database, toy: str
) -> None:
    create = CreateUser(user_id=toy, username="kim", email=EMAILS[0])
    same = ChangeUserEmail(user_id=toy, new_email=EMAILS[0])
    *_, last = submitted(inbox, create, same)
    work_off(handler(database), toy)
    result = state_of(inbox, last).result

    assert result
    assert result["version"] == 1


def test_a_refusal_is_an_answer_with_its_reason(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    _, refused, after = submitted(
        inbox, Label(toy_id=toy, text="x"), Label(toy_id=toy, text="x"), Ring(toy_id=toy, note=1)
    )
    worked = work_off(handler(database), toy)
    state = state_of(inbox, refused)

    assert (state.status, state.attempts, state.result) == ("rejected", 0, None)
    assert state.error
    assert state.error["type"] == "ToyRefusedError"
    assert state.error["message"] == f"toy {toy} refuses"
    assert state_of(inbox, after).status == "done"
    assert {refused, after} < worked.settled
    assert len(store.load_events(toy)) == 2


def test_what_was_recorded_before_a_refusal_does_not_leak(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    mine = handler(database)
    ids = submitted(inbox, Ring(toy_id=toy, note=1), RingAndRefuse(toy_id=toy))
    ids += submitted(inbox, *rings(toy, [2, 3]))
    work_off(mine, toy)

    assert statuses(inbox, ids) == ["done", "rejected", "done", "done"]
    assert notes(store, toy) == [1, 2, 3]


def test_more_commands_than_a_batch_are_worked_off_in_one_go(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    ids = submitted(inbox, *rings(toy, range(250)))
    wide = [f"{toy}-{n}" for n in range(250)]
    ids += submitted(inbox, *(Ring(toy_id=id, note=1) for id in wide))
    worked = work_off(handler(database), toy, *wide)

    assert worked.settled == set(ids)
    assert worked.again_in is None
    assert notes(store, toy) == list(range(250))


def test_handlers_that_race_let_every_command_take_effect_once_and_in_order(
    inbox: Inbox, database: Database, fresh: TestDatabase, store: EventStore, toy: str
) -> None:
    names = [f"{toy}-{n}" for n in range(4)]
    ids = submitted(inbox, *(Ring(toy_id=id, note=n) for n in range(50) for id in names))
    late = Barrier(5)

    def race(seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311 - a schedule, no secret
        own = Database(sqlalchemy_url(fresh.url))
        mine = handler(own)
        late.wait()
        while any(inbox.head(id) for id in names):
            some = dice.sample(names, dice.randint(1, 4))
            work_off(mine, *some, suspicious=dice.random() < 0.2)
        own.dispose()

    with ThreadPoolExecutor() as threads:
        racers = [threads.submit(race, seed) for seed in range(4)]
        late.wait()
        for n in range(50, 75):
            ids += submitted(inbox, *(Ring(toy_id=id, note=n) for id in names))
        for racer in racers:
            racer.result()
    work_off(handler(database), *names)

    assert set(statuses(inbox, ids)) == {"done"}
    assert [notes(store, id) for id in names] == 4 * [list(range(75))]


def test_processes_that_race_let_every_command_take_effect_once_and_in_order(
    inbox: Inbox, fresh: TestDatabase, store: EventStore, toy: str, tmp_path: Path
) -> None:
    names = [f"{toy}-{n}" for n in range(3)]
    ids = submitted(inbox, *(Ring(toy_id=id, note=n) for n in range(100) for id in names))
    arguments = ("-m", "tests.integration.drainer", fresh.url, *names)
    with ExitStack() as processes:
        racers = [
            processes.enter_context(
                started(*arguments, environment={}, log=tmp_path / f"{n}.log", ready="ready")
            )
            for n in range(2)
        ]
        for racer in racers:
            racer.tell("go")
        for racer in racers:
            racer.wait_for("done")

    assert set(statuses(inbox, ids)) == {"done"}
    assert [notes(store, id) for id in names] == 3 * [list(range(100))]
