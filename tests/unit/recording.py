"""Events as a projection gets them, made by hand, and the machine that folds them, in memory."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec

from domain.aggregate import aggregate_of
from domain.event import Event
from store.codec import RawEvent, encode_event
from store.folding import fold, keys_of
from store.projection import Key, Projection
from store.recorded import RecordedEvent

NAMES = UUID(int=0)
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def recorded(  # an event's place is optional
    fact: Event | RawEvent,
    *,
    id: str = "bob",
    kind: str | None = None,
    position: int = 1,
    at: datetime = NOON,
    **metadata: str,
) -> RecordedEvent:
    """Return a fact as it comes out of the store."""
    event_type, version, data = encode_event(fact)
    owner = aggregate_of(type(fact)) if isinstance(fact, Event) else None
    return RecordedEvent(
        position,
        id,
        kind or (owner.aggregate_type if owner else "Ticket"),
        event_type,
        version,
        position,
        at,
        data.decode(),
        uuid5(NAMES, str(position)),
        msgspec.json.encode(metadata).decode(),
    )


def folded(
    projection: Projection, events: Sequence[RecordedEvent], sizes: Iterable[int] = ()
) -> dict[Key, Any]:
    """
    Return the rows after all events, folded in batches of these sizes, the rest in one.

    As from the tables, a batch gets the rows that its keys name and no others.
    """
    table: dict[Key, Any] = {}
    parked: set[str] = set()
    left = list(events)
    for size in (*sizes, len(left)):
        batch, left = left[:size], left[size:]
        named = keys_of(projection, batch)
        result = fold(projection, {k: table[k] for k in named & table.keys()}, batch, parked)
        assert result.changed.keys() <= named
        table |= dict(result.changes())
        parked |= {one.event.aggregate_id for one in result.parked}
    return {key: row for key, row in table.items() if row is not None}


def of(rows: Mapping[Key, Any], kind: type) -> list[Any]:
    """Return the rows of one table, by key."""
    return [row for key, row in sorted(rows.items(), key=str) if key[0] is kind]


def after(**span: float) -> datetime:
    return NOON + timedelta(**span)
