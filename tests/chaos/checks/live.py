"""The live reader has seen every event, once, in order."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

from tests.chaos.evidence import Evidence, Facts

Seen: TypeAlias = tuple[int, UUID]


def check_live(evidence: Evidence, facts: Facts) -> Iterator[str]:
    stored = [(fact.position, fact.event_id) for fact in facts.events]
    yield from compare(read_log(evidence.seen), stored)


def compare(seen: Sequence[Seen], stored: Sequence[Seen]) -> Iterator[str]:
    for (before, _), (after, _) in pairwise(seen):
        if after == before:
            yield f"the reader saw position {after} twice in a row"
        elif after < before:
            yield f"the reader saw position {after} after {before}"
    for position, event_id in sorted(set(stored) - set(seen)):
        yield f"the reader never saw event {event_id} at position {position}"
    for position, event_id in sorted(set(seen) - set(stored)):
        yield f"the reader saw event {event_id} at position {position}, where it is not"


def read_log(path: Path) -> list[Seen]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [(int(position), UUID(event_id)) for position, event_id in map(str.split, lines)]
