"""An aggregate that its own stream breaks: its commands are parked, its neighbours are settled."""

import pytest

from store.engine import Database
from store.event_store import EventStore
from store.inbox import Inbox
from tests.integration.inboxes import handler, notes, state_of, submitted, work_off
from tests.toys import Ring, Toy, ToyEvent


def test_an_aggregate_whose_apply_fails_holds_up_nobody_and_the_reason_is_told(
    inbox: Inbox, database: Database, store: EventStore, toy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted(inbox, Ring(toy_id=toy, note=1))
    work_off(handler(database), toy)
    apply = Toy.apply

    def forgetful(self: Toy, event: ToyEvent) -> None:
        if self.id == toy:
            raise KeyError("what it was")
        apply(self, event)

    monkeypatch.setattr(Toy, "apply", forgetful)
    others = [f"{toy}-{number}" for number in range(3)]
    (broken,) = submitted(inbox, Ring(toy_id=toy, note=2))
    submitted(inbox, *(Ring(toy_id=other, note=1) for other in others))
    work_off(handler(database, max_attempts=1), others[0], toy, *others[1:])
    parked = state_of(inbox, broken)

    assert parked.status == "parked"
    assert parked.error
    assert parked.error["message"] == f"Toy {toy} cannot be replayed: its apply raises KeyError"
    assert [notes(store, other) for other in others] == [[1], [1], [1]]
