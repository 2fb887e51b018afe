"""A command that does not end is interrupted, counted and parked; its neighbours are settled."""

import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from store import deciding
from store.engine import Database
from store.event_store import EventStore
from store.inbox import Inbox
from tests import toys
from tests.conftest import TestDatabase
from tests.integration.inboxes import handler, notes, rings, state_of, submitted, work_off
from tests.integration.lent import lent
from tests.toys import Ring, ToyCommand
from workers.embedded import Servers


@pytest.fixture(scope="module")
def fresh(running: Servers) -> Iterator[TestDatabase]:
    """One database for all of these tests: each has a toy of its own."""
    with lent(running) as database:
        yield database


@pytest.fixture(autouse=True)
def little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "DECISION_SECONDS", 0.1)


Hook: TypeAlias = Callable[[ToyCommand], object]


def never_end(_: ToyCommand) -> None:
    while True:
        time.sleep(0.01)


def swallow(_: ToyCommand) -> None:
    """Against all good manners: goes on whatever is raised."""
    for _again in range(3):
        try:
            never_end(_)
        except Exception:  # noqa: BLE001, S112 - that is the bad manners
            continue
    never_end(_)


@pytest.mark.parametrize("hook", [never_end, swallow])
def test_a_command_that_never_ends_is_parked_with_the_reason_and_the_others_are_settled(
    inbox: Inbox, database: Database, store: EventStore, toy: str, hook: Hook
) -> None:
    endless, behind = submitted(inbox, *rings(toy, [1, 2]))
    other = f"{toy}-other"
    submitted(inbox, *rings(other, [1, 2]))
    toys.hooks[toy] = lambda command: command == Ring(toy_id=toy, note=1) and hook(command)
    mine = handler(database, max_attempts=2)
    work_off(mine, toy, other)
    first = state_of(inbox, endless)
    work_off(mine, toy)
    parked = state_of(inbox, endless)

    assert (first.status, first.attempts) == ("accepted", 1)
    assert (parked.status, parked.attempts) == ("parked", 2)
    assert parked.error
    assert parked.error["message"].startswith("no decision within 0.1 s")
    assert state_of(inbox, behind).status == "done"
    assert notes(store, toy) == [2]
    assert notes(store, other) == [1, 2]
