"""A dashboard's metrics, as Prometheus scrapes them."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.request import urlopen

from tests.fleets import TestFleet
from tests.processes import started

SECONDS = 30


def a_free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


@contextmanager
def metrics(made: TestFleet) -> Iterator[str]:
    """Run a dashboard for the length of a block; lends the address of its metrics."""
    port = a_free_port()
    with started(
        *("-m", "celery", "-A", "workers.app", "dashboard"),
        environment={**made.environment, "FLEETLOG_DASHBOARD_PORT": str(port)},
        log=made.home / "dashboard.log",
    ):
        yield f"http://127.0.0.1:{port}/metrics"


def scraped(url: str) -> list[str]:
    """Return the lines of the metrics; none while nobody answers."""
    try:
        with urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - an address of ours
            return list(answer.read().decode().splitlines())
    except OSError:
        return []
