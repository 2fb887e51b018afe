"""
Generations of a projection: the next one is built beside the live one, which knows nothing of it.

Each has its own tables, its own readers with their checkpoints, and its own parked events. The
live tables have the names they were declared with; the others are called `NAME__g2`, by number.
"""

import re
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy import Table

from store import checkpoints
from store.checkpoints import Checkpoint, reader_name
from store.engine import Connection, Database, Role, driver_connection
from store.errors import GenerationError
from store.projection import Order, Projection
from store.read_model_tables import TABLES_LOCK, claim, owned, place, refuse_rebuild, transaction
from store.renaming import renamed, suffixed

OF_A_GENERATION = re.compile(r"__g\d+$")
BEGIN = """
insert into fleetlog.projection_checkpoints
    (projection_name, projection, standing, generation, version, partition, partitions, status)
values (%b, %b, 'next', %b::integer, %b::integer, %b::integer, %b::integer, 'rebuilding')
"""
NEWEST = """
select max(generation) from fleetlog.projection_checkpoints where projection = %b
"""
DROP = """
delete from fleetlog.projection_checkpoints where projection = %b and standing = %b
"""
HOLD = """
update fleetlog.projection_checkpoints set held = %b
where projection = %b and standing = 'next'
"""


def begin(database: Database, projection: Projection, *, shares: int = 1) -> list[Checkpoint]:
    """
    Start the next generation at position 0 and return its readers.

    `shares` of them build it side by side, where its rows depend on one aggregate each. One that
    was begun before by the same version of the code goes on; another is given up for it.
    """
    refuse_rebuild(projection)
    with transaction(database) as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(TABLES_LOCK)))
        core = driver_connection(connection)
        begun = checkpoints.readers(core, projection.name, "next")
        if begun and begun[0].version == projection.version:
            return begun
        _drop(connection, projection, begun)
        shares = shares if projection.order is Order.AGGREGATE else 1
        return _begun(connection, projection, max(shares, projection.partitions))


def _begun(connection: sa.Connection, projection: Projection, shares: int) -> list[Checkpoint]:
    core = driver_connection(connection)
    row = core.execute(NEWEST, (projection.name,), binary=True).fetchone()
    if row is None or row[0] is None:
        raise GenerationError(projection.name, "has no live generation; run: fleetlog migrate")
    number = int(row[0]) + 1
    for table in tables_of(projection, f"__g{number}").values():
        table.drop(connection, checkfirst=True)  # left over by somebody's hand
        table.create(connection)
    claim(connection, projection.name, tables_of(projection, f"__g{number}").values())
    for share in range(shares):
        reader = reader_name(projection.name, share, shares, number)
        place = (reader, projection.name, number, projection.version, share, shares)
        core.execute(BEGIN, place)
    return checkpoints.readers(core, projection.name, "next")


def give_up(database: Database, projection: Projection, standing: str = "next") -> bool:
    """Drop the next generation, or the previous; returns whether there was one."""
    with transaction(database) as connection:
        core = driver_connection(connection)
        found = checkpoints.readers(core, projection.name, standing)
        _drop(connection, projection, found)
    return bool(found)


def _drop(connection: sa.Connection, projection: Projection, readers: Sequence[Checkpoint]) -> None:
    if not readers:
        return
    core = driver_connection(connection)
    # The readers' rows first, as every writer takes them first.
    core.execute(DROP, (projection.name, readers[0].standing))
    for name in tables_in(core, projection.name, readers[0].table_suffix):
        core.execute(sql.SQL("drop table {}").format(place(name)))


def hold(database: Database, projection: Projection, *, held: bool) -> None:
    """Let the next generation wait, when it is built, for a person's word; or no longer."""
    with database.connect(Role.PROJECTOR) as connection:
        connection.execute(HOLD, (held, projection.name))


def being_built(connection: Connection, projection: Projection) -> list[Checkpoint]:
    """Return the readers of the next generation; there are none unless one was begun."""
    return checkpoints.readers(connection, projection.name, "next")


def is_built(readers: Sequence[Checkpoint]) -> bool:
    """Whether each of them has reached the end of the store once."""
    return bool(readers) and all(one.status == "running" for one in readers)


def tables_in(connection: Connection, projection: str, suffix: str) -> list[str]:
    """Return the names of a generation's tables as they are, whatever is declared today."""
    found = owned(connection, projection)
    if suffix:
        return [name for name in found if name.endswith(suffix)]
    return [name for name in found if not OF_A_GENERATION.search(name)]


def tables_of(projection: Projection, suffix: str) -> Mapping[type, Table]:
    """Return the projection's tables under their names in another generation."""
    if not suffix:
        return projection.tables
    return {
        row: renamed(table, suffixed(table.name, suffix), suffix)
        for row, table in projection.tables.items()
    }
