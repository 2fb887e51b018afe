"""PostgreSQL and Valkey of one run: reached by the fleet through proxies, and killed at will."""

import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import psycopg
from redis import Redis

from store.migrations.running import migrate
from tests.chaos.proxy import Proxy
from tests.chaos.strikes import PREFIX, strikes
from tests.polling import eventually
from workers.embedded.postgres import LOGIN_ROLE, OWNER, SOCKET, Postgres
from workers.embedded.valkey import Valkey
from workers.settings import sqlalchemy_url

# A process is killed here, never the machine: what PostgreSQL has written, the kernel keeps.
POSTGRES_SETTINGS = {
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "log_line_prefix": PREFIX,
}
GONE_SECONDS = 30


class ChaosServers:
    """Two servers under `home`, each behind a proxy."""

    def __init__(self, home: Path) -> None:
        self.postgres = Postgres(home)
        self.valkey = Valkey(home)
        self._starting = Lock()
        self.start_postgres()
        self.start_valkey()
        migrate(sqlalchemy_url(self.admin_url))
        self.database_wire = Proxy(str(self.postgres.sockets / SOCKET), hears_commits=True)
        self.broker_wire = Proxy(str(self.valkey.socket))

    @property
    def environment(self) -> dict[str, str]:
        """What a process of the fleet is told: every way leads through a proxy."""
        database, broker = self.database_wire.port, self.broker_wire.port
        place = f"{LOGIN_ROLE}@127.0.0.1:{database}/fleetlog"
        return {
            # The proxy must understand what is said.
            "DATABASE_URL": f"postgresql://{place}?sslmode=disable&gssencmode=disable",
            "REDIS_URL": f"redis://127.0.0.1:{broker}/0",
        }

    @property
    def database_url(self) -> str:
        """The way around the proxy, as the fleet's login role."""
        return self.postgres.url(LOGIN_ROLE)

    @property
    def admin_url(self) -> str:
        return self.postgres.url(OWNER)

    @property
    def redis_url(self) -> str:
        return f"unix://{self.valkey.socket}"

    @property
    def strikes(self) -> Counter[str]:
        """How often which limit of PostgreSQL's has struck so far."""
        return strikes(self.postgres.daemon.log)

    @contextmanager
    def admin(self) -> Iterator[psycopg.Connection]:
        """Lend a connection of the superuser, around the proxy; raises while the server is away."""
        with psycopg.connect(self.admin_url, autocommit=True, connect_timeout=5) as connection:
            yield connection

    @contextmanager
    def redis(self) -> Iterator[Redis]:
        client = Redis.from_url(self.redis_url, socket_timeout=5)
        try:
            yield client
        finally:
            client.close()

    def start_postgres(self) -> None:
        """Return when it answers; nothing happens when it does already."""
        with self._starting:
            self.postgres.start(durable=False, settings=POSTGRES_SETTINGS)

    def start_valkey(self) -> None:
        with self._starting:
            self.valkey.start(durable=False)

    def kill_postmaster(self) -> None:
        """SIGKILL to the parent of all; its children follow by themselves."""
        daemon = self.postgres.daemon
        daemon.send(signal.SIGKILL)
        eventually(lambda: not daemon.alive(), GONE_SECONDS, saying="PostgreSQL is killed")

    def kill_valkey(self, *, forgetting: bool) -> None:
        """SIGKILL; with `forgetting`, its file is gone as well, as without persistence."""
        daemon = self.valkey.daemon
        daemon.send(signal.SIGKILL)
        eventually(lambda: not daemon.alive(), GONE_SECONDS, saying="Valkey is killed")
        if forgetting:
            shutil.rmtree(self.valkey.data)

    def stop(self) -> None:
        self.database_wire.close()
        self.broker_wire.close()
        try:
            self.postgres.stop()
        finally:
            self.valkey.stop()
