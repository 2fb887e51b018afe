"""What many of these tests begin with."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from store.engine import Database
from store.inbox import Inbox
from tests import toys
from tests.fleets import TestFleet, a_fleet, connected
from tests.integration.lent import lent
from tests.integration.mailing import mailing
from tests.integration.postbox import Postbox, postbox
from tests.integration.receivers import Receiver, receiving
from tests.integration.subscribed import Subscribed
from tests.processes import Process
from workers.embedded import Servers


@pytest.fixture(autouse=True)
def no_hooks() -> Iterator[None]:
    """A toy's faults end with the test that gave them."""
    yield
    toys.hooks.clear()


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(database)


@pytest.fixture
def toy() -> str:
    """A name that no other test uses, for those that share a database."""
    return f"toy-{uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def a_worker(running: Servers) -> Iterator[tuple[TestFleet, Process]]:
    """One worker for all tests that only give it work; it parks what failed twice."""
    settings = {"FLEETLOG_COMMAND_ATTEMPTS": "2", "FLEETLOG_RELAY_AFTER_SECONDS": "0.05"}
    with (
        lent(running) as database,
        a_fleet(database, **settings) as made,
        made.worker() as process,
    ):
        yield made, process


@pytest.fixture
def worked(a_worker: tuple[TestFleet, Process]) -> Iterator[TestFleet]:
    """A fleet with a worker, and this process as its client."""
    made, _ = a_worker
    with connected(made.environment):
        yield made


@pytest.fixture
def idle(running: Servers) -> Iterator[TestFleet]:
    """A fleet without workers, for what a client does by itself."""
    with lent(running) as database, a_fleet(database) as made, connected(made.environment):
        yield made


@pytest.fixture(scope="module")
def town(running: Servers) -> Iterator[TestFleet]:
    """A fleet without workers for all of these tests: each has a subscription of its own."""
    with lent(running) as database, a_fleet(database) as made, connected(made.environment):
        yield made


@pytest.fixture
def box() -> Iterator[Postbox]:
    with postbox() as made:
        yield made


@pytest.fixture
def post(town: TestFleet, box: Postbox) -> Subscribed:
    return mailing(town, box)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that takes webhooks, well unless it is told otherwise."""
    with receiving() as made:
        yield made
