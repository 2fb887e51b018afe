"""What a projection promises: its rows, what it set aside, and whose turn it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.event import Event
from store.checkpoints import Checkpoint
from tests.toy_shelf import LONGEST_LABEL, UNLUCKY, ToyEntry
from tests.toys import Labelled, Rang

FORBIDDEN = 666  # the table refuses this note


class Fact(NamedTuple):
    position: int
    toy_id: str
    event: Event


@dataclass
class ShelfModel:
    """One writer at a time: the last one to raise the epoch, standing where it stands."""

    epoch: int
    position: int = 0
    superstitious: bool = True
    always_superstitious: bool = True  # since the start or the last rebuild
    log: list[Fact] = field(default_factory=list)

    def may_write(self, held: Checkpoint) -> bool:
        return (held.epoch, held.last_global_sequence) == (self.epoch, self.position)

    def raised(self, times: int = 1) -> int:
        """Somebody else's turn: whoever held the epoch before can write no more."""
        self.epoch += times
        return self.epoch

    def restarted(self) -> None:
        self.raised()
        self.position, self.always_superstitious = 0, self.superstitious

    def believe(self, *, superstitious: bool) -> None:
        self.superstitious = superstitious
        self.always_superstitious &= superstitious

    def passed(self) -> dict[str, list[Fact]]:
        """Return the events up to the checkpoint, by stream."""
        found: dict[str, list[Fact]] = {}
        for fact in self.log:
            if fact.position <= self.position:
                found.setdefault(fact.toy_id, []).append(fact)
        return found

    def rows(self, parked: Mapping[str, Sequence[int]]) -> dict[str, ToyEntry]:
        """Return what the rows must be, with these positions set aside."""
        rows = {}
        for toy_id, facts in self.passed().items():
            done = [f.event for f in facts if f.position not in parked.get(toy_id, ())]
            if done:
                rows[toy_id] = folded(toy_id, done)
        return rows

    def is_in_order(self, parked: Mapping[str, Sequence[int]]) -> bool:
        """
        Return whether it was right to set these positions aside.

        What waits is the end of its stream, from a poisonous event on. Of what was folded,
        only what is checked event by event can be judged: a table sees whole batches.
        """
        passed = self.passed()
        for toy_id, positions in parked.items():
            facts = passed.get(toy_id, [])[-len(positions) :]
            if [f.position for f in facts] != positions or not could_poison(facts[0].event):
                return False
        waits = {position for positions in parked.values() for position in positions}
        return not self.always_superstitious or all(
            fact.position in waits
            for facts in passed.values()
            for fact in facts
            if is_unlucky(fact.event)
        )

    def digestible(self, positions: Sequence[int]) -> int:
        """Return how many of these events a retry folds before it meets poison."""
        events = [fact.event for fact in self.log if fact.position in positions]
        poison = [n for n, event in enumerate(events) if self.is_poison(event)]
        return poison[0] if poison else len(events)

    def is_poison(self, event: Event) -> bool:
        return could_poison(event) and (self.superstitious or not is_unlucky(event))


def is_unlucky(event: Event) -> bool:
    return isinstance(event, Rang) and event.note == UNLUCKY


def could_poison(event: Event) -> bool:
    """Whether the projection's code or its table has ever had something against this event."""
    match event:
        case Rang(note=note):
            return note in {UNLUCKY, FORBIDDEN}
        case Labelled(text=text):
            return len(text) > LONGEST_LABEL
        case _:
            return False


def folded(toy_id: str, events: Sequence[Event]) -> ToyEntry:
    notes = [event.note for event in events if isinstance(event, Rang)]
    labels = [event.text for event in events if isinstance(event, Labelled)]
    return ToyEntry(
        toy_id, len(notes), notes[-1] if notes else None, labels[-1] if labels else None
    )
