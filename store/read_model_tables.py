"""
The tables of read models: made from the projections' own metadata, emptied by a rebuild in place.

A comment on each says whose it is: what a projection declared yesterday is found by it, too.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy import Table

from store import checkpoints
from store.checkpoints import Checkpoint
from store.engine import Connection, Database, Role, driver_connection
from store.errors import GenerationError
from store.parking import unpark_all
from store.projection import Projection
from store.schema import READ_MODEL_SCHEMA

OWNED_BY = "of projection {}"
OWNED = """
select relname::text from pg_class
where relnamespace = 'fleetlog_read_models'::regnamespace and relkind in ('r', 'p')
  and obj_description(oid, 'pg_class') = %s and (%s::text is null or relname = %s)
order by relname
"""
INDEXES = """
select indexname::text from pg_indexes
where schemaname = 'fleetlog_read_models' and tablename = %s
"""
# Namespace 17753: two workers that start at once take turns in creating tables.
TABLES_LOCK = 17753 << 48


def prepare(database: Database, projections: Iterable[Projection]) -> None:
    """Create what is missing: tables, and checkpoints at position 0. Harmless to repeat."""
    with transaction(database) as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(TABLES_LOCK)))
        for projection in projections:
            for table in projection.tables.values():
                table.create(connection, checkfirst=True)
            claim(connection, projection.name, projection.tables.values())
            core = driver_connection(connection)
            checkpoints.ensure(core, projection.name, projection.version, projection.partitions)


def restart(database: Database, projection: Projection, owner: str) -> Checkpoint:
    """
    Empty a projection and send it back to the start, in one transaction.

    Its tables are made anew, so they may have changed their shape. Whoever advanced it is
    fenced; whoever advances it next goes on from position 0.
    """
    refuse_rebuild(projection)
    with transaction(database) as connection:
        core = driver_connection(connection)
        checkpoint = checkpoints.reset(core, projection.name, projection.version, owner)
        unpark_all(core, projection.name)
        for table in projection.tables.values():
            table.drop(connection, checkfirst=True)
            table.create(connection)
        claim(connection, projection.name, projection.tables.values())
    return checkpoint


def refuse_rebuild(projection: Projection) -> None:
    """Raise GenerationError for one whose rows are no fold that may be repeated."""
    if not projection.rebuilds:
        raise GenerationError(projection.name, "is no fold to be repeated: it cannot be rebuilt")


def claim(connection: sa.Connection, projection: str, tables: Iterable[Table]) -> None:
    """Note on these tables, and on the indexes they were declared with, whose they are."""
    core = driver_connection(connection)
    for table in tables:
        if owned(core, projection, table.name):
            continue
        note = sql.Literal(OWNED_BY.format(projection))
        core.execute(sql.SQL("comment on table {} is {}").format(place(table.name), note))
        for (index,) in core.execute(INDEXES, (table.name,)).fetchall():
            core.execute(sql.SQL("comment on index {} is {}").format(place(index), note))


def owned(connection: Connection, projection: str, name: str | None = None) -> list[str]:
    """Return the tables of a projection, of whatever generation; or only that of this name."""
    rows = connection.execute(OWNED, (OWNED_BY.format(projection), name, name))
    return [found for (found,) in rows]


def place(name: str) -> sql.Identifier:
    return sql.Identifier(READ_MODEL_SCHEMA, name)


@contextmanager
def transaction(database: Database) -> Iterator[sa.Connection]:
    """Lend a SQLAlchemy connection in a transaction, for what needs its metadata."""
    engine = database.engine(Role.PROJECTOR).execution_options(isolation_level="READ COMMITTED")
    with engine.begin() as connection:
        yield connection
