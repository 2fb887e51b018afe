"""A database for a whole module, since making one costs a third of a second; and its closing."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.conftest import TestDatabase
from tests.databases import copied, with_database
from workers.embedded import Servers


@contextmanager
def lent(running: Servers) -> Iterator[TestDatabase]:
    with copied(running.migration_url) as name:
        yield TestDatabase(
            name=name,
            url=with_database(running.database_url, name),
            admin_url=with_database(running.migration_url, name),
        )


@contextmanager
def shut(database: TestDatabase) -> Iterator[None]:
    """Close the database to everybody for the length of a block."""
    lock_out(database, allowed=False)
    try:
        yield
    finally:
        lock_out(database, allowed=True)


def lock_out(database: TestDatabase, *, allowed: bool) -> None:
    name = database.name
    with psycopg.connect(with_database(database.admin_url, "postgres"), autocommit=True) as admin:
        admin.execute(f"alter database {name} allow_connections {allowed}".encode())
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
        )
