"""Moments in the store's past: from a time to a position, the same one whenever it is asked."""

from datetime import datetime

from store.engine import Connection
from store.event_store import read_safe_position

LATER = "select min(global_sequence) from fleetlog.events where timestamp > %b"


def position_at(connection: Connection, time: datetime) -> int:
    """
    Return the largest final position up to which everything was recorded at `time` or before.

    Asked about a time that has passed, the answer never changes: what is recorded from now on
    stands behind it.
    """
    safe = read_safe_position(connection)
    row = connection.execute(LATER, (time,), binary=True).fetchone()
    later = row[0] if row else None
    return safe if later is None else min(safe, later - 1)
