"""Parked events: set aside in order, with all that follows in their streams, to be retried."""

from collections.abc import Sequence
from typing import NamedTuple

from store.arrays import BigIntArray, TextArray
from store.engine import Connection
from store.recorded import ALL_COLUMNS, RecordedEvent

ANY_PARKED = "select exists (select from fleetlog.parked_events where projection_name = %b)"
PARKED_STREAMS = """
select distinct aggregate_id from fleetlog.parked_events
where projection_name = %b and aggregate_id = any (%b)
"""
PARK = """
insert into fleetlog.parked_events (projection_name, aggregate_id, global_sequence, error)
select %b, p.aggregate_id, p.position, p.error
from unnest(%b, %b, %b) as p (aggregate_id, position, error)
on conflict (projection_name, global_sequence)
do update set attempts = parked_events.attempts + 1, error = excluded.error,
              last_tried_at = clock_timestamp()
"""
EVENTS = f"""
select {ALL_COLUMNS} from fleetlog.events where global_sequence in (
    select p.global_sequence from fleetlog.parked_events p
    where p.projection_name = %b and p.aggregate_id = %b)
order by global_sequence
"""  # noqa: S608 - our own column names
UNPARK = """
delete from fleetlog.parked_events where projection_name = %b and global_sequence = any (%b)
"""
UNPARK_ALL = "delete from fleetlog.parked_events where projection_name = %b"
STREAMS = """
select aggregate_id, count(*), min(global_sequence), min(parked_at), max(attempts),
       (array_agg(error order by global_sequence))[1]
from fleetlog.parked_events where projection_name = %b
group by aggregate_id order by min(global_sequence) limit %b::bigint
"""
BEHIND = "waits behind an earlier event of its stream"


class Parked(NamedTuple):
    """An event to set aside, and why."""

    event: RecordedEvent
    error: str


def parked_among(connection: Connection, name: str, aggregate_ids: Sequence[str]) -> set[str]:
    """Return which of these streams have parked events: what follows in them must wait too."""
    # Mostly nothing is: one look says so, instead of one for each stream.
    if connection.execute(ANY_PARKED, (name,), binary=True).fetchone() == (False,):
        return set()
    rows = connection.execute(PARKED_STREAMS, (name, TextArray.of(aggregate_ids)), binary=True)
    return {aggregate_id for (aggregate_id,) in rows}


def park(connection: Connection, name: str, parked: Sequence[Parked]) -> None:
    """Set events aside; one that was parked before counts another attempt."""
    if parked:
        ids = TextArray.of([one.event.aggregate_id for one in parked])
        positions = BigIntArray.of([one.event.global_sequence for one in parked])
        errors = TextArray.of([one.error[:2000] for one in parked])
        connection.execute(PARK, (name, ids, positions, errors))


def parked_events(connection: Connection, name: str, aggregate_id: str) -> list[RecordedEvent]:
    """Return what waits of one stream, in order."""
    rows = connection.execute(EVENTS, (name, aggregate_id), binary=True)
    return [RecordedEvent(*row) for row in rows]


def unpark(connection: Connection, name: str, events: Sequence[RecordedEvent]) -> None:
    positions = BigIntArray.of([event.global_sequence for event in events])
    connection.execute(UNPARK, (name, positions))


def unpark_all(connection: Connection, name: str) -> None:
    connection.execute(UNPARK_ALL, (name,))


class ParkedStream(NamedTuple):
    """One stream set aside by a projection."""

    aggregate_id: str
    events: int
    first_position: int
    parked_at: object
    attempts: int
    error: str


def parked_streams(connection: Connection, name: str, limit: int = 100) -> list[ParkedStream]:
    """Return the streams a projection set aside, the longest waiting first."""
    return [ParkedStream(*row) for row in connection.execute(STREAMS, (name, limit), binary=True)]
