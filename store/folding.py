"""The fold itself: events in, changed rows and poison out; no database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from store.errors import UnknownEventError
from store.parking import BEHIND, Parked
from store.projection import Key, Projection
from store.recorded import RecordedEvent


@dataclass
class Folded:
    """What a batch came to."""

    rows: dict[Key, Any]
    changed: dict[Key, None] = field(default_factory=dict)  # a set that keeps the order
    parked: list[Parked] = field(default_factory=list)

    def changes(self) -> list[tuple[Key, Any]]:
        return [(key, self.rows[key]) for key in self.changed]


class PoisonError(Exception):
    """An event that this projection cannot digest and must not pass over."""

    def __init__(self, event: RecordedEvent, reason: str) -> None:
        super().__init__(f"event {event.event_type} at position {event.global_sequence}: {reason}")
        self.event = event


def keys_of(projection: Projection, events: Iterable[RecordedEvent]) -> set[Key]:
    """Return the keys of all rows the batch may touch; what fails here fails again later."""
    found: set[Key] = set()
    for event in events:
        try:
            found.update(projection.keys(event))
        except Exception:  # noqa: BLE001, S112 - judged where it is folded
            continue
    return found


def fold(
    projection: Projection,
    rows: dict[Key, Any],
    events: Sequence[RecordedEvent],
    parked_streams: set[str],
) -> Folded:
    """
    Fold `events` into `rows`.

    A poison event parks its stream where the projection allows it, otherwise PoisonError.
    Raises UnknownEventError for an event no class knows: that is for a newer worker.
    """
    folded = Folded(rows)
    waiting = set(parked_streams)
    for event in events:
        if event.aggregate_id in waiting:
            folded.parked.append(Parked(event, BEHIND))
            continue
        try:
            changes = projection.evolve(rows, event)
        except UnknownEventError:
            if event.event_type not in projection.ignorable:
                raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            if not projection.parks:
                raise PoisonError(event, reason) from error
            waiting.add(event.aggregate_id)
            folded.parked.append(Parked(event, reason))
        else:
            for key, row in changes.items():
                if rows.get(key) is not row:
                    rows[key] = row
                    folded.changed[key] = None
    return folded
