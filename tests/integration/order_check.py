"""
Readers of the global order, right and wrong, and the check that tells them apart.

The wrong ones are what one would write first. They stand here so that the check itself is
tested: on an unlucky schedule it must find what each of them misses.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import psycopg

from store.engine import Connection
from store.event_store import EventStore


class Seen(NamedTuple):
    """An event as far as order is concerned."""

    position: int
    stream: str
    number: int


Reader: TypeAlias = Callable[[int], list[Seen]]  # what follows a checkpoint

EVENTS = "select e.global_sequence, e.aggregate_id, e.sequence_number from fleetlog.events e"
WRONG_READERS = {
    # Whatever is visible: a transaction that drew earlier may commit later.
    "naive": f"{EVENTS} where global_sequence > %s order by 1",
    # Only what older transactions wrote, but a position alone is remembered: a younger
    # transaction may have drawn a lower one.
    "old_transactions": f"{EVENTS} where global_sequence > %s and e.xmin::text::bigint "
    "< pg_snapshot_xmin(pg_current_snapshot())::text::bigint order by 1",
    # The safe position is newer than the snapshot of the statement that asks for it.
    "one_statement": f"with safe as materialized (select fleetlog.safe_position() as position) "
    f"{EVENTS}, safe where global_sequence > %s and global_sequence <= safe.position order by 1",
}


def store_reader(store: EventStore, limit: int = 1000) -> Reader:
    """Read as every projection does."""

    def read(checkpoint: int) -> list[Seen]:
        page = store.get_all_events(checkpoint, limit)
        return [Seen(e.global_sequence, e.aggregate_id, e.sequence_number) for e in page]

    return read


def wrong_reader(connection: Connection, name: str) -> Reader:
    def read(checkpoint: int) -> list[Seen]:
        rows = connection.execute(WRONG_READERS[name].encode(), (checkpoint,))
        return [Seen(*row) for row in rows]

    return read


class Poller:
    """One reader, its checkpoint, and all it has seen."""

    def __init__(self, read: Reader) -> None:
        self.read = read
        self.checkpoint = 0
        self.seen: list[Seen] = []

    def poll(self) -> int:
        """Read one page and remember where it ended; returns how many events it held."""
        page = self.read(self.checkpoint)
        if page:
            self.seen += page
            self.checkpoint = page[-1].position
        return len(page)

    def poll_to_the_end(self) -> None:
        while self.poll():
            pass


@dataclass(frozen=True)
class Faults:
    """What was wrong with what a reader saw; nothing is, when it is false."""

    missed: frozenset[Seen]
    invented: frozenset[Seen]
    out_of_order: tuple[tuple[Seen, Seen], ...]
    out_of_stream_order: tuple[tuple[Seen, Seen], ...]

    def __bool__(self) -> bool:
        return any(vars(self).values())


def faults(seen: Sequence[Seen], committed: Sequence[Seen]) -> Faults:
    """Compare what a reader saw, in its order, with all that was committed in the end."""
    return Faults(
        missed=frozenset(committed) - frozenset(seen),
        invented=frozenset(seen) - frozenset(committed),
        out_of_order=tuple(
            (before, after) for before, after in pairwise(seen) if after.position <= before.position
        ),
        out_of_stream_order=tuple(skips(seen)),
    )


def skips(seen: Sequence[Seen]) -> list[tuple[Seen, Seen]]:
    """Return where a stream did not go on with the next number."""
    last: dict[str, Seen] = {}
    found = []
    for event in seen:
        before = last.get(event.stream, Seen(0, event.stream, 0))
        if event.number != before.number + 1:
            found.append((before, event))
        last[event.stream] = event
    return found


def committed(admin_url: str) -> list[Seen]:
    """Return everything the table holds: it only grows, so this is what a reader should see."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        rows = connection.execute(f"{EVENTS} order by 1".encode())
        return [Seen(*row) for row in rows]
