"""Whose turn it is: commands of one aggregate run one after the other, whoever runs them."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from store.engine import Database
from store.event_store import EventStore
from store.inbox import Inbox
from tests import toys
from tests.conftest import TestDatabase
from tests.integration.inboxes import WAITING, count, drain, notes, rings, submitted
from tests.polling import eventually
from tests.toys import Ring, ToyCommand


def test_a_later_command_does_not_overtake_the_one_in_hand(
    inbox: Inbox,
    database: Database,
    fresh: TestDatabase,
    store: EventStore,
    toy: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inside, go_on = Event(), Event()

    def hold_the_first(command: ToyCommand) -> None:
        if command == Ring(toy_id=toy, note=1):
            inside.set()
            assert go_on.wait(10)

    monkeypatch.setitem(toys.hooks, toy, hold_the_first)
    submitted(inbox, *rings(toy, [1]))
    with ThreadPoolExecutor() as threads:
        holder = threads.submit(drain(database).run, [toy], wait=True)
        assert inside.wait(10)
        submitted(inbox, *rings(toy, [2]))
        second = threads.submit(drain(database).run, [toy], wait=True)
        eventually(lambda: second.done() or count(fresh, WAITING))
        go_on.set()
        holder.result()
        second.result()

    assert notes(store, toy) == [1, 2]
