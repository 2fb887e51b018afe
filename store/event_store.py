"""The append-only event store: one round trip to write, final positions only to read."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import psycopg
import sqlalchemy as sa

from store.appending import Append, Appended, CommandRow, Expected
from store.codec import AnyEvent, Metadata
from store.engine import Connection, Database, Role, driver_connection
from store.errors import UnsafeReaderError
from store.recorded import ALL_COLUMNS, RecordedEvent
from store.retry import retrying
from store.storable import check_aggregate_id

__all__ = ["Appended", "CommandRow", "EventStore", "Expected", "read_safe_position"]

T = TypeVar("T")

SAFE_POSITION = "select fleetlog.safe_position()"
OF_STREAM = (
    f"select {ALL_COLUMNS} from fleetlog.events "  # noqa: S608 - our own column names
    "where aggregate_id = %b and sequence_number > %b::bigint order by sequence_number"
)
OF_ALL = (
    f"select {ALL_COLUMNS} from fleetlog.events "  # noqa: S608 - our own column names
    "where global_sequence > %b::bigint and global_sequence <= %b::bigint "
    "order by global_sequence limit %b::bigint"
)


class EventStore:
    """
    Streams of events, each 1..n without a hole, all of them in one global order.

    Every call may be repeated by us when a connection breaks; event and command ids make
    that harmless, also when the answer to a COMMIT was lost.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def append_events(  # noqa: PLR0913 - the statement's own parts, all but three optional
        self,
        aggregate_id: str,
        expected_version: int,
        events: Sequence[AnyEvent],
        *,
        aggregate_type: str | None = None,
        metadata: Metadata | Sequence[Metadata] = Metadata(),  # noqa: B008 - frozen
        command: CommandRow | None = None,
        connection: sa.Connection | None = None,
    ) -> Appended:
        """
        Append `events` to a stream, and settle `command` with them, all or nothing.

        `expected_version` is the version the events were decided on, or an `Expected`.
        `metadata` is one for all events or one for each. Within a `connection`, the
        caller's transaction decides, and nothing is retried.

        Raises ConcurrencyError, AggregateTypeError, CommandIdReusedError, NotAcceptedError
        or UnstorableError; in every case nothing was stored.
        """
        append = Append(aggregate_id, expected_version, events, aggregate_type, metadata, command)
        if connection is not None:
            return append.run(driver_connection(connection))
        return retrying(lambda: self._run(append))

    def _run(self, append: Append) -> Appended:
        with self._database.connect(Role.WRITER) as connection:
            return append.run(connection)

    def load_events(self, aggregate_id: str) -> list[RecordedEvent]:
        """Return a whole stream in order; an unknown one is empty."""
        return self.load_events_from_version(aggregate_id, 0)

    def load_events_from_version(self, aggregate_id: str, from_version: int) -> list[RecordedEvent]:
        """Return the stream's events after `from_version` (exclusive)."""
        check_aggregate_id(aggregate_id)

        def load(connection: Connection) -> list[RecordedEvent]:
            rows = connection.execute(OF_STREAM, (aggregate_id, from_version), binary=True)
            return [RecordedEvent(*row) for row in rows]

        return self._read(load)

    def get_all_events(self, from_sequence: int = 0, limit: int = 1000) -> list[RecordedEvent]:
        """
        Return up to `limit` events after position `from_sequence` (exclusive), in global order.

        Stops at the safe position: an event returned is final, and none before it is missing.
        """

        def load(connection: Connection) -> list[RecordedEvent]:
            safe = read_safe_position(connection)
            rows = connection.execute(OF_ALL, (from_sequence, safe, limit), binary=True)
            return [RecordedEvent(*row) for row in rows]

        return self._read(load)

    def safe_position(self) -> int:
        """Return the position up to which no event can appear any more."""
        return self._read(read_safe_position)

    def _read(self, read: Callable[[Connection], T]) -> T:
        def once() -> T:
            with self._database.connect(Role.READER) as connection:
                return read(connection)

        return retrying(once)


def read_safe_position(connection: Connection) -> int:
    """Ask in a statement of its own: events must be read by a later one. See ARCHITECTURE.md."""
    try:
        row = connection.execute(SAFE_POSITION, binary=True).fetchone()
    except psycopg.DatabaseError as error:
        if error.sqlstate != "FL005":
            raise
        raise UnsafeReaderError(str(error.diag.message_primary)) from error
    return int(row[0]) if row else 0
