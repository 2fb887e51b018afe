"""What the kernel knows of our connections: a peer that vanished is found out without our help."""

import json
import socket
import sys
from collections.abc import Iterator

import pytest

from store.engine import Database, Role
from tests.chaos.proxy import Proxy
from tests.conftest import TestDatabase
from tests.fleets import DOMAIN, TestFleet, a_fleet, connected
from tests.integration.lent import lent
from tests.integration.socket_options import PLACE, options
from tests.integration.wires import broker_through, database_through, place_of, wire
from tests.polling import eventually
from workers.embedded import Servers
from workers.fleet import fleet
from workers.settings import sqlalchemy_url

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere they have other names")

SECONDS = 30
OF_POSTGRES = {
    "SO_KEEPALIVE": 1,
    "TCP_KEEPIDLE": 10,
    "TCP_KEEPINTVL": 3,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 10_000,
}
OF_REDIS = {**OF_POSTGRES, "TCP_KEEPINTVL": 5}


@pytest.fixture
def served(running: Servers) -> Iterator[tuple[TestFleet, Proxy]]:
    """A fleet, and a wire of TCP to its broker."""
    with (
        lent(running) as database,
        a_fleet(database) as made,
        wire(made.redis_url.removeprefix("unix://")) as proxy,
    ):
        yield made, proxy


@pytest.mark.parametrize("role", Role)
def test_a_connection_to_postgresql_has_its_keepalives(fresh: TestDatabase, role: Role) -> None:
    with wire(place_of(fresh.url)) as proxy:
        database = Database(sqlalchemy_url(database_through(proxy, fresh.url)))
        with database.connect(role) as connection:
            found = options(connection.fileno())
        database.dispose()

    assert found == OF_POSTGRES


def test_the_fleets_own_connection_to_redis_has_its_keepalives(
    served: tuple[TestFleet, Proxy],
) -> None:
    made, proxy = served
    with connected({**made.environment, "REDIS_URL": broker_through(proxy)}):
        held = fleet.redis.connection_pool.get_connection()
        found = options(file_of(held))
        fleet.redis.connection_pool.release(held)

    assert found == OF_REDIS


def file_of(connection: object) -> int:
    """Return the descriptor under a connection of redis-py, which has no name for it."""
    under = connection._sock  # type: ignore[attr-defined]  # noqa: SLF001
    assert isinstance(under, socket.socket)
    return under.fileno()


def test_a_workers_connections_to_its_broker_have_their_keepalives(
    served: tuple[TestFleet, Proxy],
) -> None:
    made, proxy = served
    place = made.home / "sockets.json"
    settings = {
        "REDIS_URL": broker_through(proxy),
        "FLEETLOG_DOMAIN": f"{DOMAIN},tests.integration.socket_options",
        PLACE: str(place),
    }
    with made.worker(**settings):
        eventually(place.exists, SECONDS)
    found = json.loads(place.read_text())

    assert found
    assert found == len(found) * [OF_REDIS]
