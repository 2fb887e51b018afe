"""Real servers for every test: one PostgreSQL and one Valkey a run, one database a test."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import domain.orders
import domain.users  # noqa: F401 - the store's tests use these, and nothing else loads them
from store.engine import Database
from store.event_store import EventStore
from tests.databases import copied, make_template, with_database
from workers.embedded import Servers, servers
from workers.settings import sqlalchemy_url


@dataclass(frozen=True)
class TestDatabase:
    """One test's own database: as the application logs in, and as the superuser does."""

    __test__ = False

    name: str
    url: str
    admin_url: str


@pytest.fixture(scope="session")
def running() -> Iterator[Servers]:
    """The servers of this run, without fsync: no test here pulls the plug."""
    with (
        TemporaryDirectory(prefix="fleetlog-") as home,
        servers(Path(home), durable=False) as found,
    ):
        make_template(found.migration_url)
        yield found


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """
    A folder of its own, instead of one under pytest's.

    Every start of pytest closes its own folder to other users, and where the tests run as
    root PostgreSQL is another user.
    """
    with TemporaryDirectory(prefix="fleetlog-") as place:
        yield Path(place)


@pytest.fixture
def fresh(running: Servers) -> Iterator[TestDatabase]:
    with copied(running.migration_url) as name:
        yield TestDatabase(
            name=name,
            url=with_database(running.database_url, name),
            admin_url=with_database(running.migration_url, name),
        )


@pytest.fixture
def database(fresh: TestDatabase) -> Iterator[Database]:
    database = Database(sqlalchemy_url(fresh.url))
    yield database
    database.dispose()


@pytest.fixture
def store(database: Database) -> EventStore:
    return EventStore(database)
