"""Whether a read model shows what many commands appended: one question for all of them."""

from collections.abc import Callable
from typing import TypeVar

from store.arrays import UuidArray
from store.engine import Connection, Database, Role
from store.retry import retrying
from store.waiting import ProjectionHaltedError

T = TypeVar("T")

FARTHEST = """
select c.command_type, max((c.result ->> 'position')::bigint)
from unnest(%b) as u (id) join fleetlog.commands c on c.command_id = u.id
where c.status = 'done' and (c.result ->> 'events')::bigint > 0
group by c.command_type
"""
# The slowest of a projection's readers: the aggregates may be of any partition.
REACHED = """
select coalesce(min(last_global_sequence), 0),
       coalesce(bool_or(status = 'halted' and last_global_sequence < %b::bigint), false)
from fleetlog.projection_checkpoints where projection = %b and standing = 'live'
"""
PARKED = """
select count(distinct p.aggregate_id)
from unnest(%b) as u (id)
join fleetlog.commands c on c.command_id = u.id and c.status = 'done'
join fleetlog.projection_checkpoints r on r.projection = %b and r.standing = 'live'
join fleetlog.parked_events p
    on p.projection_name = r.projection_name and p.aggregate_id = c.aggregate_id
   and p.global_sequence <= (c.result ->> 'position')::bigint
"""


def farthest(database: Database, commands: UuidArray) -> dict[str, int]:
    """Return the last position that commands of each type came to."""

    def ask(connection: Connection) -> dict[str, int]:
        return dict(connection.execute(FARTHEST, (commands,), binary=True).fetchall())

    return read(database, ask)


def reached(database: Database, projection: str, position: int) -> int:
    """Return how far a projection is as a whole; raises ProjectionHaltedError before `position`."""

    def ask(connection: Connection) -> tuple[int, bool]:
        (row,) = connection.execute(REACHED, (position, projection), binary=True).fetchall()
        return row[0], row[1]

    place, is_halted = read(database, ask)
    if is_halted:
        raise ProjectionHaltedError(projection, position, place)
    return place


def parked(database: Database, projection: str, commands: UuidArray) -> int:
    """Return how many aggregates of these commands a projection does not show as they are."""

    def ask(connection: Connection) -> int:
        (row,) = connection.execute(PARKED, (commands, projection), binary=True).fetchall()
        return int(row[0])

    return read(database, ask)


def read(database: Database, ask: Callable[[Connection], T]) -> T:
    def once() -> T:
        with database.connect(Role.READER) as connection:
            return ask(connection)

    return retrying(once)
