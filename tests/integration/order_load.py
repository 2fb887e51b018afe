"""Every way into the table of events, and a load that uses them as awkwardly as it can."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event as Signal
from typing import TypeAlias
from uuid import uuid4

from store.appending import Append
from store.arrays import register_arrays
from store.codec import Metadata, RawEvent
from store.engine import Connection
from store.event_store import EventStore, Expected
from tests.integration.order_check import Poller

Door: TypeAlias = Callable[[Connection, str, int, int], None]

COLUMNS = (
    "(event_id, aggregate_id, aggregate_type, event_type, version, sequence_number, data, "
    "metadata, timestamp)"
)
ROW = "(gen_random_uuid(), %s, 'Load', 'Loaded', 1, %s, '{}', '{}', clock_timestamp())"
INTO = f"insert into fleetlog.events {COLUMNS}"
RETURNING = f"with added as ({INTO} values {ROW} returning 1) select count(*) from added"
SERIES = (
    f"{INTO} select gen_random_uuid(), %s, 'Load', 'Loaded', 1, n, '{{}}', '{{}}', "
    "clock_timestamp() from generate_series(%s::int, %s::int) n"
)
MERGE = (
    "merge into fleetlog.events e "
    "using (select %s::text as stream, %s::int as n) g "
    "on e.aggregate_id = g.stream and e.sequence_number = g.n when not matched then "
    f"insert {COLUMNS} values (gen_random_uuid(), g.stream, 'Load', 'Loaded', 1, g.n, '{{}}', "
    "'{}', clock_timestamp())"
)
COPY = f"copy fleetlog.events {COLUMNS} from stdin"


def insert(connection: Connection, stream: str, first: int, count: int) -> None:
    """One statement a row."""
    for number in range(first, first + count):
        connection.execute(f"{INTO} values {ROW}".encode(), (stream, number))


def insert_rows(connection: Connection, stream: str, first: int, count: int) -> None:
    """One statement with a row for each."""
    values = [value for number in range(first, first + count) for value in (stream, number)]
    connection.execute(f"{INTO} values {', '.join([ROW] * count)}".encode(), values)


def insert_selected(connection: Connection, stream: str, first: int, count: int) -> None:
    connection.execute(SERIES.encode(), (stream, first, first + count - 1))


def insert_inside_a_query(connection: Connection, stream: str, first: int, count: int) -> None:
    for number in range(first, first + count):
        connection.execute(RETURNING.encode(), (stream, number))


def merge(connection: Connection, stream: str, first: int, count: int) -> None:
    """One statement a row, because a MERGE inserts in whatever order it joins."""
    for number in range(first, first + count):
        connection.execute(MERGE.encode(), (stream, number))


def copy(connection: Connection, stream: str, first: int, count: int) -> None:
    now = datetime.now(UTC)
    with connection.cursor().copy(COPY.encode()) as rows:
        for number in range(first, first + count):
            rows.write_row((uuid4(), stream, "Load", "Loaded", 1, number, "{}", "{}", now))


def as_a_replica(connection: Connection, stream: str, first: int, count: int) -> None:
    """As logical replication would, where ordinary triggers stay silent."""
    connection.execute("set session_replication_role = replica")
    insert(connection, stream, first, count)
    connection.execute("set session_replication_role = origin")


def append(connection: Connection, stream: str, first: int, count: int) -> None:
    """Through the front door, inside a transaction of the caller's."""
    register_arrays(connection)
    Append(stream, first - 1, facts(count), "Load", Metadata(), None).run(connection)


def facts(count: int) -> list[RawEvent]:
    return [RawEvent(event_type="Loaded", data={"n": n}) for n in range(count)]


DOORS: tuple[Door, ...] = (
    insert,
    insert_rows,
    insert_selected,
    insert_inside_a_query,
    merge,
    copy,
    as_a_replica,
    append,
)


class Writer:
    """One of many: streams of its own, and one that all share through `append_events`."""

    def __init__(self, name: str, connection: Connection, store: EventStore, seed: int) -> None:
        self.name = name
        self.connection = connection
        self.store = store
        self.random = random.Random(seed)  # noqa: S311 - a load, no secret
        self.versions: Counter[str] = Counter()

    def run(self, stop: Signal) -> None:
        moves = (self.append, self.append, self.directly, self.dawdle, self.undo, self.give_up)
        while not stop.is_set():
            self.random.choice(moves)()

    def append(self) -> None:
        """Append in autocommit, to a stream of one's own or to the one everybody appends to."""
        count = self.random.randint(1, 4)
        stream = self.stream()
        if self.random.random() < 0.2:
            self.store.append_events("shared", Expected.ANY, facts(count), aggregate_type="Load")
        else:
            expected = self.versions[stream]
            self.store.append_events(stream, expected, facts(count), aggregate_type="Load")
            self.versions[stream] += count

    def directly(self) -> None:
        with self.transaction() as written:
            self.write(written)

    def dawdle(self) -> None:
        """Announce, wait, and draw again when others have moved on."""
        with self.transaction() as written:
            for _ in range(self.random.randint(2, 3)):
                self.write(written)
                self.pause()

    def undo(self) -> None:
        """Take back to a savepoint what announced first, then draw late."""
        with self.transaction() as written:
            if self.random.random() < 0.5:
                self.write(written)
            self.connection.execute("savepoint undo")
            self.write(written.copy())
            self.pause()
            self.connection.execute("rollback to savepoint undo")
            self.pause()
            self.write(written)

    def give_up(self) -> None:
        self.connection.execute("begin")
        self.write(Counter())
        self.pause()
        self.connection.execute("rollback")

    @contextmanager
    def transaction(self) -> Iterator[Counter[str]]:
        """Lend a count of what the transaction writes to each stream; it counts once committed."""
        written: Counter[str] = Counter()
        self.connection.execute("begin")
        yield written
        self.connection.execute("commit")
        self.versions += written

    def write(self, written: Counter[str]) -> None:
        stream, count = self.stream(), self.random.randint(1, 4)
        door = self.random.choice(DOORS)
        door(self.connection, stream, self.versions[stream] + written[stream] + 1, count)
        written[stream] += count

    def stream(self) -> str:
        return f"{self.name}-{self.random.randint(1, 3)}"

    def pause(self) -> None:
        """Dawdle on the server, up to a fiftieth of a second."""
        self.connection.execute("select pg_sleep(%s)", (self.random.uniform(0, 0.02),))


def run_against(writers: Sequence[Writer], pollers: Sequence[Poller], *, seconds: float) -> None:
    """Let the writers write while the readers poll, then the readers read to the end."""
    stop, until = Signal(), time.monotonic() + seconds
    with ThreadPoolExecutor(len(writers)) as threads:
        running = [threads.submit(writer.run, stop) for writer in writers]
        try:
            while time.monotonic() < until and not any(future.done() for future in running):
                for poller in pollers:
                    poller.poll()
        finally:
            stop.set()
    for finished in running:
        finished.result()
    for poller in pollers:
        poller.poll_to_the_end()
