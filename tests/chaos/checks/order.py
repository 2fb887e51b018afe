"""Real time: what was ok before something else was asked for stands before it."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from tests.chaos.evidence import Evidence, Fact, Facts
from tests.chaos.history import Entry


def check_order(evidence: Evidence, facts: Facts) -> Iterator[str]:
    yield from inversions(evidence.entries, facts.effects)


def inversions(entries: Sequence[Entry], effects: Mapping[UUID, Sequence[Fact]]) -> Iterator[str]:
    """
    Go through time once, with the furthest event that was ok so far.

    A command is asked for when it was first: what comes later with its id is a repeat.
    """
    asked: set[UUID] = set()
    furthest: tuple[int, Entry] | None = None
    for entry in sorted(entries, key=lambda entry: entry.at_ns):
        events = effects.get(entry.command_id, ())
        if entry.kind == "invoke" and entry.command_id not in asked:
            asked.add(entry.command_id)
            if furthest and events and events[0].position < furthest[0]:
                position, before = furthest
                yield (
                    f"{entry.command_type} {entry.command_id} at position {events[0].position} was "
                    f"asked for after {before.command_type} {before.command_id} was ok, which "
                    f"stands at position {position}"
                )
        elif entry.kind == "ok" and events:
            furthest = max(furthest or (0, entry), (events[-1].position, entry), key=first)


def first(pair: tuple[int, Entry]) -> int:
    return pair[0]
