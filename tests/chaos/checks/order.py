"""Real time: what was ok, or accepted, before something else was asked for stands before it."""

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from uuid import UUID

from tests.chaos.evidence import Evidence, Fact, Facts
from tests.chaos.history import ACCEPTED, Entry

POSITION = itemgetter(0)


def check_order(evidence: Evidence, facts: Facts) -> Iterator[str]:
    yield from inversions(evidence.entries, facts.effects)
    turns = {command_id: turn for turn, command_id in enumerate(facts.commands)}
    yield from overtaken(evidence.entries, facts.effects, turns)


def inversions(entries: Sequence[Entry], effects: Mapping[UUID, Sequence[Fact]]) -> Iterator[str]:
    """
    Go through time once, with the furthest event that was ok so far.

    A command is asked for when it was first: what comes later with its id is a repeat.
    """
    furthest: tuple[int, Entry] | None = None
    for entry, is_first in in_time(entries):
        events = effects.get(entry.command_id, ())
        if is_first and furthest and events and events[0].position < furthest[0]:
            position, before = furthest
            yield (
                f"{entry.command_type} {entry.command_id} at position {events[0].position} was "
                f"asked for after {before.command_type} {before.command_id} was ok, which "
                f"stands at position {position}"
            )
        elif entry.kind == "ok" and events:
            furthest = max(furthest or (0, entry), (events[-1].position, entry), key=POSITION)


def overtaken(
    entries: Sequence[Entry],
    effects: Mapping[UUID, Sequence[Fact]],
    turns: Mapping[UUID, int],
) -> Iterator[str]:
    """
    Go through time once more, inbox by inbox, with the furthest that was accepted so far.

    Accepted is said by those doors only that have written the command down. A message of
    `send_task` has its turn when a worker has, and is only compared with what came before it.
    """
    inboxes: dict[str, Furthest] = {}
    for entry, is_first in in_time(entries):
        inbox = inboxes.setdefault(entry.aggregate_id, Furthest())
        if is_first:
            yield from inbox.faults(entry, effects, turns)
        elif entry.kind == "unknown" and entry.reason == ACCEPTED:
            inbox.take(entry, effects, turns)


class Furthest:
    """Of one inbox: the latest turn that was accepted so far, and the last event of those."""

    def __init__(self) -> None:
        self._turn: tuple[int, Entry] | None = None
        self._event: tuple[int, Entry] | None = None

    def take(
        self, entry: Entry, effects: Mapping[UUID, Sequence[Fact]], turns: Mapping[UUID, int]
    ) -> None:
        if entry.command_id in turns:
            turn = turns[entry.command_id]
            self._turn = max(self._turn or (-1, entry), (turn, entry), key=POSITION)
        if events := effects.get(entry.command_id):
            last = events[-1].position
            self._event = max(self._event or (0, entry), (last, entry), key=POSITION)

    def faults(
        self, entry: Entry, effects: Mapping[UUID, Sequence[Fact]], turns: Mapping[UUID, int]
    ) -> Iterator[str]:
        name = f"{entry.command_type} {entry.command_id}"
        events = effects.get(entry.command_id)
        if self._turn and turns.get(entry.command_id, self._turn[0]) < self._turn[0]:
            yield f"{name} has its turn before {accepted(self._turn[1])}"
        if self._event and events and events[0].position < self._event[0]:
            at = events[0].position
            yield f"{name} at position {at} has overtaken {accepted(self._event[1])}"


def accepted(entry: Entry) -> str:
    return f"{entry.command_type} {entry.command_id}, which was accepted before it was asked for"


def in_time(entries: Sequence[Entry]) -> Iterator[tuple[Entry, bool]]:
    """Yield all entries by time, and whether this is the first time that a command is asked for."""
    asked: set[UUID] = set()
    for entry in sorted(entries, key=lambda entry: entry.at_ns):
        yield entry, entry.kind == "invoke" and entry.command_id not in asked
        if entry.kind == "invoke":
            asked.add(entry.command_id)
