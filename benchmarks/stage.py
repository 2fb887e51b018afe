"""The servers of one question: fresh, honest about commits, and gone afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from store.engine import Connection, Database
from store.migrations.running import migrate
from workers.embedded import Servers, servers
from workers.settings import sqlalchemy_url

# What the bare side has for itself: the same tables, without what we add to them.
BARE = """
create schema bare;
create table bare.events (like fleetlog.events including all)
"""


@dataclass(frozen=True)
class Stage:
    """Our side logs in as the application does, the bare side as the superuser."""

    running: Servers

    @property
    def database_url(self) -> str:
        return sqlalchemy_url(self.running.database_url)

    @property
    def owner_url(self) -> str:
        return self.running.migration_url

    @contextmanager
    def database(self) -> Iterator[Database]:
        database = Database(self.database_url)
        try:
            yield database
        finally:
            database.dispose()

    @contextmanager
    def owner(self) -> Iterator[Connection]:
        with owner(self.owner_url) as connection:
            yield connection


def owner(url: str) -> Connection:
    """Connect as the bare side does: autocommit, and prepared from the second time on."""
    return psycopg.connect(url, autocommit=True, prepare_threshold=1)


@contextmanager
def stage() -> Iterator[Stage]:
    """Start servers in a temporary home, migrated, with nothing in them."""
    with (
        TemporaryDirectory(prefix="fleetlog-benchmarks-") as home,
        servers(Path(home), durable=True) as running,
    ):
        migrate(sqlalchemy_url(running.migration_url))
        made = Stage(running)
        with made.owner() as connection:
            connection.execute(BARE)
        yield made
