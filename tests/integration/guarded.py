"""Servers that are safe, and what makes them unsafe for the length of a block."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from redis import Redis

from tests.conftest import TestDatabase
from tests.databases import make_template
from tests.fleets import TestFleet
from tests.integration.lent import lent
from tests.polling import eventually
from workers.embedded import servers

SAFE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


@contextmanager
def guarded_fleet(home: Path) -> Iterator[TestFleet]:
    """Run servers as one would in production; nothing unsafe is allowed."""
    with servers(home, durable=False, postgres_settings=SAFE) as running:
        make_template(running.migration_url)
        with lent(running) as database:
            made = TestFleet(database, running.redis_url, home, {"FLEETLOG_ALLOW_UNSAFE": ""})
            made.faults.mkdir()
            yield made


@contextmanager
def altered(database: TestDatabase, do: str, undo: str) -> Iterator[None]:
    """Change something as the superuser, and put it back."""
    execute(database, do)
    try:
        yield
    finally:
        execute(database, undo)


@contextmanager
def switched_off(database: TestDatabase, setting: str) -> Iterator[None]:
    """Switch a setting of the whole server off."""
    reload = "select pg_reload_conf()"
    with psycopg.connect(database.admin_url, autocommit=True) as connection:

        def is_set(value: str) -> bool:
            row = connection.execute(f"show {setting}".encode()).fetchone()
            return row == (value,)

        connection.execute(f"alter system set {setting} = off".encode())
        connection.execute(reload)
        eventually(lambda: is_set("off"))
        try:
            yield
        finally:
            connection.execute(f"alter system reset {setting}".encode())
            connection.execute(reload)
            eventually(lambda: is_set("on"))


@contextmanager
def configured(redis: Redis, **options: str) -> Iterator[None]:
    """Configure the broker otherwise, and put it back."""
    wanted = {name.replace("_", "-"): value for name, value in options.items()}
    found: Any = redis.config_get(*wanted)
    for name, value in wanted.items():
        redis.config_set(name, value)
    try:
        yield
    finally:
        for name in wanted:
            redis.config_set(name, found[name])


@contextmanager
def at_version(database: TestDatabase, version: str) -> Iterator[None]:
    """Have the database say that it has another schema."""
    note = "update fleetlog.alembic_version set version_num = %s returning version_num"
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        row = connection.execute("select version_num from fleetlog.alembic_version").fetchone()
        connection.execute(note, [version])
        try:
            yield
        finally:
            connection.execute(note, row)


def execute(database: TestDatabase, statement: str) -> None:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute(statement.encode())
