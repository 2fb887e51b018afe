"""Fleets that are told of the boxes, too."""

from collections.abc import Iterator

import pytest

import tests.hostile.boxes  # noqa: F401 - declares a domain
from tests.fleets import DOMAIN, TestFleet, a_fleet, connected
from tests.integration.lent import lent
from tests.processes import Process
from workers.embedded import Servers

SETTINGS = {
    "FLEETLOG_DOMAIN": f"{DOMAIN},tests.hostile.boxes",
    "FLEETLOG_COMMAND_ATTEMPTS": "2",
    "FLEETLOG_RELAY_AFTER_SECONDS": "0.05",
}


@pytest.fixture
def idle(running: Servers) -> Iterator[TestFleet]:
    """A fleet without workers, and this process as its client."""
    with (
        lent(running) as database,
        a_fleet(database, **SETTINGS) as made,
        connected(made.environment),
    ):
        yield made


@pytest.fixture
def worked(running: Servers) -> Iterator[tuple[TestFleet, Process]]:
    """A fleet with a worker of its own, and this process as its client."""
    with (
        lent(running) as database,
        a_fleet(database, **SETTINGS) as made,
        made.worker() as worker,
        connected(made.environment),
    ):
        yield made, worker
