"""Taking in history of other systems: a chunk at a time, in order, each event once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from store.appending import EVENT_KEY, MAX_RACES, STREAM_KEY
from store.arrays import BigIntArray, IntArray, TextArray, UuidArray
from store.arriving import Arrival
from store.engine import Connection, Database, Role
from store.errors import (
    AggregateTypeError,
    ConcurrencyError,
    EventIdReusedError,
    OtherHistoryError,
    StoreError,
)
from store.recorded import ALL_COLUMNS, RecordedEvent
from store.retry import retrying

IMPORT = "select fleetlog.import_events(%b, %b, %b, %b, %b, %b, %b, %b, %b)"
# One statement, so that both come from one moment: the events themselves, and the last of each
# stream.
LOOK = (
    f"select false, {ALL_COLUMNS} from fleetlog.events where event_id = any (%b) "  # noqa: S608 - our own column names
    "union all select true, l.* from unnest(%b) as s (id) cross join lateral "
    f"(select {ALL_COLUMNS} from fleetlog.events e where e.aggregate_id = s.id "
    "order by e.sequence_number desc limit 1) l"
)
RACES = frozenset({"FL001", "FL002"})
RACED_KEYS = frozenset({EVENT_KEY, STREAM_KEY})
ROLLED_BACK = "40"  # the class of deadlocks: the server itself says that nothing was stored
ANY_VERSION = -1


class Head(NamedTuple):
    """Whose a stream is, and its version."""

    aggregate_type: str
    version: int


class Refusal(NamedTuple):
    """A line that is not taken in, and why."""

    number: int
    error: StoreError


@dataclass
class Taken:
    """What becomes of a chunk: `to_write` are those of the new ones that are not there yet."""

    new: int = 0
    repeats: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    to_write: list[Arrival] = field(default_factory=list)


class Importer:
    """
    One import: takes in chunks of a file, and remembers where it stands in each stream.

    A stream's new events must follow directly on the file's own last one, so that nothing of
    others comes in between; with `append` they follow on whatever is there. Running a file
    again finds its events. With `stop`, a chunk is taken in up to its first refusal.
    """

    def __init__(self, database: Database, *, append: bool = False, stop: bool = True) -> None:
        self._database = database
        self._append = append
        self._stop = stop
        # Where the file's last event so far stands, for each of its streams.
        self._places: dict[str, int] = {}

    def take(self, chunk: Sequence[Arrival]) -> Taken:
        """Store what is not there yet, in one transaction; ConcurrencyError after many races."""
        maybe_stored: set[UUID] = set()
        judge = retrying(lambda: self._take(chunk, maybe_stored))
        self._places |= judge.places
        return judge.taken

    def _take(self, chunk: Sequence[Arrival], maybe_stored: set[UUID]) -> "Judge":
        with self._database.connect(Role.WRITER) as connection:
            for _ in range(MAX_RACES):
                judge = self._judge(look(connection, chunk), maybe_stored)
                judge.all(chunk, stop=self._stop)
                if judge.taken.to_write and not self._written(connection, judge, maybe_stored):
                    continue  # somebody came in between: look again
                return judge
        raise ConcurrencyError(chunk[0].aggregate_id, "no other writer", None)

    def _judge(self, found: "Found", maybe_stored: set[UUID]) -> "Judge":
        return Judge(found, self._places, maybe_stored, append=self._append)

    def _written(self, connection: Connection, judge: "Judge", maybe_stored: set[UUID]) -> bool:
        written = judge.taken.to_write
        try:
            connection.execute(IMPORT, parameters(written, judge), binary=True)
        except psycopg.DatabaseError as error:
            if error.sqlstate in RACES or error.diag.constraint_name in RACED_KEYS:
                return False
            if (error.sqlstate or "")[:2] != ROLLED_BACK:
                # Only the answer may be lost: what is found next time among these is our own.
                maybe_stored.update(one.event_id for one in written)
            raise
        return True


class Found(NamedTuple):
    """What the store had, at one moment, of a chunk's events and streams."""

    events: Mapping[UUID | None, RecordedEvent]
    heads: Mapping[str, Head]


class Judge:
    """Goes through a chunk line by line: new, there already, or refused."""

    def __init__(
        self,
        found: Found,
        places: Mapping[str, int],
        maybe_stored: set[UUID],
        *,
        append: bool,
    ) -> None:
        self.taken = Taken()
        self.places: dict[str, int] = {}
        self._found = found
        self._before = places
        self._maybe_stored = maybe_stored
        self._append = append
        self._heads = dict(found.heads)
        self._lines: dict[UUID, Arrival] = {}

    def all(self, chunk: Sequence[Arrival], *, stop: bool) -> None:
        for one in chunk:
            try:
                self._one(one)
            except StoreError as error:
                self.taken.refusals.append(Refusal(one.number, error))
                if stop:
                    return

    def expected(self, aggregate_id: str) -> int:
        """Return the version a stream must still be at when we write."""
        head = self._found.heads.get(aggregate_id)
        return ANY_VERSION if self._append else head.version if head else 0

    def _one(self, one: Arrival) -> None:
        stored, earlier = self._found.events.get(one.event_id), self._lines.get(one.event_id)
        if stored is not None:
            if not one.is_stored_as(stored):
                where = f"at position {stored.global_sequence}"
                raise EventIdReusedError(one.event_id, where)
            place = max(self._place(one.aggregate_id), stored.sequence_number)
            self.places[one.aggregate_id] = place
            self._count(is_new=one.event_id in self._maybe_stored)
        elif earlier is not None:
            if not one.is_same_as(earlier):
                raise EventIdReusedError(one.event_id, f"in line {earlier.number}")
            self._count(is_new=False)
        else:
            self._follow(one)
            self._lines[one.event_id] = one
            self.taken.to_write.append(one)
            self._count(is_new=True)

    def _place(self, aggregate_id: str) -> int:
        return self.places.get(aggregate_id, self._before.get(aggregate_id, 0))

    def _count(self, *, is_new: bool) -> None:
        self.taken.new += is_new
        self.taken.repeats += not is_new

    def _follow(self, one: Arrival) -> None:
        """Let an event take the next place of its stream, unless that is somebody else's."""
        id, aggregate_type = one.aggregate_id, one.foreign.aggregate_type
        head = self._heads.get(id, Head(aggregate_type, 0))
        if head.aggregate_type != aggregate_type:
            raise AggregateTypeError(id, aggregate_type, head.aggregate_type)
        place = self._place(id)
        if place != head.version and not self._append:
            raise OtherHistoryError(id, head.version, place)
        self._heads[id] = Head(aggregate_type, head.version + 1)
        self.places[id] = head.version + 1


def look(connection: Connection, chunk: Sequence[Arrival]) -> Found:
    ids = UuidArray.of([one.event_id for one in chunk])
    streams = TextArray.of(sorted({one.aggregate_id for one in chunk}))
    events: dict[UUID | None, RecordedEvent] = {}
    heads: dict[str, Head] = {}
    for is_head, *values in connection.execute(LOOK, (ids, streams), binary=True):
        event = RecordedEvent(*values)
        if is_head:
            heads[event.aggregate_id] = Head(event.aggregate_type, event.sequence_number)
        else:
            events[event.event_id] = event
    return Found(events, heads)


def parameters(written: Sequence[Arrival], judge: Judge) -> tuple[Any, ...]:
    """Return the statement's arrays: the streams once each, then the events in their order."""
    types = {one.aggregate_id: one.foreign.aggregate_type for one in written}
    numbers = {id: number for number, id in enumerate(types, start=1)}
    return (
        TextArray.of(list(types)),
        TextArray.of(list(types.values())),
        BigIntArray.of([judge.expected(id) for id in types]),
        UuidArray.of([one.event_id for one in written]),
        IntArray.of([numbers[one.aggregate_id] for one in written]),
        TextArray.of([one.encoded[0] for one in written]),
        IntArray.of([one.encoded[1] for one in written]),
        TextArray.of([one.encoded[2] for one in written]),
        TextArray.of([one.metadata for one in written]),
    )
