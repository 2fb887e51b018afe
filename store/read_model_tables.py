"""The tables of read models: made from the projections' own metadata, emptied by a rebuild."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from store import checkpoints
from store.checkpoints import Checkpoint
from store.engine import Database, Role, driver_connection
from store.parking import unpark_all
from store.projection import Projection

# Namespace 17753: two workers that start at once take turns in creating tables.
TABLES_LOCK = 17753 << 48


def prepare(database: Database, projections: Iterable[Projection]) -> None:
    """Create what is missing: tables, and checkpoints at position 0. Harmless to repeat."""
    with transaction(database) as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(TABLES_LOCK)))
        for projection in projections:
            for table in projection.tables.values():
                table.create(connection, checkfirst=True)
            checkpoints.ensure(driver_connection(connection), projection.name, projection.version)


def restart(database: Database, projection: Projection, owner: str) -> Checkpoint:
    """
    Empty a projection and send it back to the start, in one transaction.

    Its tables are made anew, so they may have changed their shape. Whoever advanced it is
    fenced; whoever advances it next goes on from position 0.
    """
    with transaction(database) as connection:
        core = driver_connection(connection)
        checkpoint = checkpoints.reset(core, projection.name, projection.version, owner)
        unpark_all(core, projection.name)
        for table in projection.tables.values():
            table.drop(connection, checkfirst=True)
            table.create(connection)
    return checkpoint


@contextmanager
def transaction(database: Database) -> Iterator[sa.Connection]:
    """Lend a SQLAlchemy connection in a transaction, for what needs its metadata."""
    engine = database.engine(Role.PROJECTOR).execution_options(isolation_level="READ COMMITTED")
    with engine.begin() as connection:
        yield connection
