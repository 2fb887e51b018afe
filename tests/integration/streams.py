"""A stream of two events, and every way to append to it."""

from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

import pytest
import sqlalchemy as sa

from store.event_store import Appended, CommandRow, EventStore, Expected
from tests.integration.order_load import facts

Way: TypeAlias = tuple[int, int]  # version expected, number of events

WAYS: dict[str, Way] = {
    "exact": (2, 1),
    "any": (Expected.ANY, 2),
    "exists": (Expected.EXISTS, 1),
    "exact_no_events": (2, 0),
    "any_no_events": (Expected.ANY, 0),
}
EXACT, ANY = WAYS["exact"], WAYS["any"]

in_every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
numbers = count(1)


@dataclass(frozen=True)
class Stream:
    """A stream that holds two events at first."""

    store: EventStore
    name: str

    def append(
        self, way: Way, command: CommandRow | None, connection: sa.Connection | None = None
    ) -> Appended:
        expected, events = way[0], facts(way[1])
        return self.store.append_events(
            self.name,
            expected,
            events,
            aggregate_type="Load",
            command=command,
            connection=connection,
        )

    def __len__(self) -> int:
        return len(self.store.load_events(self.name))


def new_stream(store: EventStore) -> Stream:
    """Return a stream that no other test knows."""
    made = Stream(store, f"stream-{next(numbers)}")
    made.append((0, 2), None)
    return made
