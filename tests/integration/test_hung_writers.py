"""A writer that hangs in an open transaction: readers stand still for a moment, writers never."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import psycopg
import pytest

from store.appending import Append
from store.codec import Metadata
from store.engine import Connection, Database, Role
from store.event_store import EventStore
from tests.conftest import TestDatabase
from tests.integration.order_load import facts
from tests.polling import eventually
from workers.settings import sqlalchemy_url

# PostgreSQL's own timer ends the writer, after this; what comes on top is the way there and back,
# and the pace at which we ask. On a machine with other things to do, these are no milliseconds.
PROMISED = 5.0
ON_TOP = 0.5


def silent(_: Connection) -> None:
    """Say nothing more, as a frozen process does."""


def busy(connection: Connection) -> None:
    """Be at work on a statement that does not end."""
    with suppress(psycopg.OperationalError):
        connection.execute("select pg_sleep(20)")


def chatty(connection: Connection) -> None:
    """Never be idle for long, and come to no end for a long time."""
    with suppress(psycopg.OperationalError):
        for _ in range(200):
            connection.execute("select pg_sleep(0.1)")


@pytest.fixture
def hung(database: Database) -> Iterator[Connection]:
    """A writer like all others; what becomes of it is no other test's business."""
    with database.connect(Role.WRITER) as connection:
        yield connection
        connection.close()


@pytest.fixture
def other(fresh: TestDatabase) -> Iterator[EventStore]:
    """Another process's store."""
    database = Database(sqlalchemy_url(fresh.url))
    yield EventStore(database)
    database.dispose()


@pytest.mark.parametrize("hang", [silent, busy, chatty], ids=lambda hang: hang.__name__)
def test_a_hung_writer_delays_readers_five_seconds_at_most_and_writers_not_at_all(
    hung: Connection, store: EventStore, other: EventStore, hang: Callable[[Connection], None]
) -> None:
    other.append_events("other", 0, facts(1), aggregate_type="Load")  # connected beforehand
    hung.execute("begin")
    Append("hung", 0, facts(1), "Load", Metadata(), None).run(hung)
    since = time.monotonic()
    with ThreadPoolExecutor() as threads, ended(hung):
        threads.submit(hang, hung)
        for version in range(1, 20):
            other.append_events("other", version, facts(1), aggregate_type="Load")
        seen_by_then = len(store.get_all_events())
        left = since + PROMISED + ON_TOP - time.monotonic()
        eventually(lambda: len(store.get_all_events()) == 20, left, saying="readers stand still")
        print(f"readers were delayed by {time.monotonic() - since:.2f} s; promised: {PROMISED:g} s")

    assert seen_by_then == 1  # it still hung when the others were done: they did not wait for it
    assert store.load_events("hung") == []


@contextmanager
def ended(hung: Connection) -> Iterator[None]:
    """End what still hangs, however the block ends."""
    try:
        yield
    finally:
        with suppress(psycopg.Error):
            hung.cancel_safe()
