"""PostgreSQL and Valkey out of two wheels, for those who have no servers: no root, no Docker."""

import atexit
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workers.embedded.daemon import START_SECONDS
from workers.embedded.errors import EmbeddedServerError
from workers.embedded.flock import locked
from workers.embedded.postgres import LOGIN_ROLE, OWNER, Postgres
from workers.embedded.sharing import held_homes, join, leave
from workers.embedded.valkey import Valkey

__all__ = ["EmbeddedServerError", "Servers", "hold", "release", "servers", "stop"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """Where the servers answer: on sockets that only their user can open."""

    database_url: str
    """As the fleet's login role, which the migrations create."""
    migration_url: str
    """As the superuser, who owns the database."""
    redis_url: str
    """As the Redis client writes it."""
    broker_url: str
    """The same, as Celery writes it."""


def hold(
    home: Path, *, durable: bool = True, postgres_settings: Mapping[str, str] | None = None
) -> Servers:
    """
    Start what does not run yet under `home`, and keep it running until `release` or our exit.

    Any number of processes may hold the same home; the last to leave stops the servers. One that
    is killed leaves them running for the next.

    `durable=False` is for tests: quick, but a crash of the machine loses the data, and a killed
    PostgreSQL the last moments of it, unless `postgres_settings` turn `synchronous_commit` on.
    Both options count only for a server that is not running yet.
    """
    home = home.expanduser().resolve()
    with alone_in(home, make=True):
        join(home)
        try:
            Valkey(home).start(durable=durable)
            Postgres(home).start(durable=durable, settings=postgres_settings or {})
            return addresses(home)
        except BaseException:
            if leave(home):
                stop_both(home)
            raise


def release(home: Path) -> None:
    """Undo one `hold`; nothing happens if there is none."""
    home = home.expanduser().resolve()
    if home in held_homes():
        with alone_in(home):
            if leave(home):
                stop_both(home)


@contextmanager
def servers(
    home: Path, *, durable: bool = True, postgres_settings: Mapping[str, str] | None = None
) -> Iterator[Servers]:
    """Hold the servers for the length of a block."""
    held = hold(home, durable=durable, postgres_settings=postgres_settings)
    try:
        yield held
    finally:
        release(home)


def stop(home: Path) -> None:
    """Stop what runs under `home`, whoever uses it."""
    home = home.expanduser().resolve()
    if home.exists():
        with alone_in(home):
            stop_both(home)


def stop_both(home: Path) -> None:
    try:
        Postgres(home).stop()
    finally:
        Valkey(home).stop()


def addresses(home: Path) -> Servers:
    postgres, socket = Postgres(home), Valkey(home).socket
    return Servers(
        database_url=postgres.url(LOGIN_ROLE),
        migration_url=postgres.url(OWNER),
        redis_url=f"unix://{socket}",
        broker_url=f"redis+socket://{socket}",
    )


@contextmanager
def alone_in(home: Path, *, make: bool = False) -> Iterator[None]:
    """Let no other process start or stop anything under `home` meanwhile."""
    try:
        if make:
            # As root we are not who PostgreSQL runs as, and it must pass through.
            home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        with locked(home / "start.lock", seconds=2 * START_SECONDS):
            yield
    except OSError as error:
        raise EmbeddedServerError("The embedded servers", f"cannot be used: {error}") from error


@atexit.register
def release_everything() -> None:
    """Leave with the process. A forked child holds nothing of its parent's, so it stops nothing."""
    for home in held_homes():
        try:
            with alone_in(home):
                if leave(home, altogether=True):
                    stop_both(home)
        except EmbeddedServerError as error:
            log.warning("%s", error)
