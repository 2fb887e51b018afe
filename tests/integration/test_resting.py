"""Between two tries of a failing command its inbox rests, whoever knocks."""

from collections.abc import Iterator

import pytest

from store.engine import Database
from store.event_store import EventStore
from store.inbox import Inbox
from tests import toys
from tests.conftest import TestDatabase
from tests.integration.inboxes import (
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
from tests.toys import Ring
from workers.embedded import Servers

LONG = 600.0


@pytest.fixture(scope="module")
def fresh(running: Servers) -> Iterator[TestDatabase]:
    """One database for all of these tests: each has a toy of its own."""
    with lent(running) as database:
        yield database


@pytest.mark.parametrize("suspicious", [False, True])
def test_messages_for_those_behind_do_not_use_up_the_attempts_of_a_failing_command(
    inbox: Inbox, database: Database, store: EventStore, toy: str, *, suspicious: bool
) -> None:
    ids = submitted(inbox, *rings(toy, range(30)))
    toys.hooks[toy] = toys.fail
    mine = handler(database, pause=LONG)
    knocks = [work_off(mine, toy, suspicious=suspicious) for _ in ids]

    assert state_of(inbox, ids[0]).attempts == 1
    assert set(statuses(inbox, ids)) == {"accepted"}
    assert all(LONG - 60 < (knock.again_in or 0) <= LONG for knock in knocks)
    assert notes(store, toy) == []


def test_the_pause_doubles_with_every_try(inbox: Inbox, database: Database, toy: str) -> None:
    (id,) = submitted(inbox, Ring(toy_id=toy, note=1))
    toys.hooks[toy] = toys.fail
    mine = handler(database, pause=0.05)
    first = work_off(mine, toy).again_in
    eventually(lambda: (work_off(mine, toy).again_in or 0) > 0.05)

    assert first == 0.05
    assert state_of(inbox, id).attempts == 2


def test_others_do_not_wait_for_an_inbox_that_rests(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    bad, *_ = submitted(inbox, *rings(toy, range(120)))
    toys.hooks[toy] = toys.fail
    mine = handler(database, pause=LONG)
    work_off(mine, toy)
    other = f"{toy}-other"
    submitted(inbox, *rings(other, range(120)))
    work_off(mine, toy, other)

    assert state_of(inbox, bad).attempts == 1
    assert notes(store, other) == list(range(120))


def test_a_persons_word_ends_the_rest(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    (id,) = submitted(inbox, Ring(toy_id=toy, note=1))
    toys.hooks[toy] = toys.fail
    work_off(handler(database, max_attempts=1, pause=LONG), toy)
    toys.hooks.clear()
    inbox.retry([id])
    work_off(handler(database, pause=LONG), toy)

    assert state_of(inbox, id).status == "done"
    assert notes(store, toy) == [1]


@pytest.mark.parametrize("together", [False, True])
def test_a_command_that_was_counted_before_is_counted_whoever_comes_to_try_it(
    inbox: Inbox, database: Database, store: EventStore, toy: str, *, together: bool
) -> None:
    head, behind = submitted(inbox, *rings(toy, [1, 2]))
    other = f"{toy}-other"
    submitted(inbox, Ring(toy_id=other, note=1))
    inbox.charge(head)  # by one who has died since
    work_off(handler(database), toy, *([other] if together else []))

    assert state_of(inbox, head).attempts == 2
    assert state_of(inbox, behind).status == "done"
    assert notes(store, toy) == [1, 2]
