"""What really travels: libpq's own trace of a connection, counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile

from psycopg.pq import Trace

from store.engine import Connection

EXECUTED = (b"F\tExecute", b"F\tQuery")


class Trip:
    """Filled when the block ends."""

    statements: int = 0


@contextmanager
def traced(connection: Connection) -> Iterator[Trip]:
    """Count the statements that this connection sends, whoever makes it send them."""
    trip = Trip()
    with TemporaryFile() as file:
        connection.pgconn.trace(file.fileno())
        connection.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        try:
            yield trip
        finally:
            connection.pgconn.untrace()
        file.seek(0)
        lines = (b"\t".join(line.split(b"\t")[:3:2]) for line in file)
        trip.statements = sum(line in EXECUTED for line in lines)
