"""A database for a whole module: making one costs a third of a second."""

from collections.abc import Iterator
from contextlib import contextmanager

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
