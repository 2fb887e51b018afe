"""A small clean run, made once; every test of the checker gets a copy to doctor."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from psycopg import sql
from redis import Redis

from store.engine import Database
from tests.chaos.small_run import SmallRun
from tests.conftest import TestDatabase
from tests.databases import copied, execute, with_database
from tests.fleets import broker
from workers.embedded import Servers
from workers.settings import sqlalchemy_url


@pytest.fixture(scope="package")
def empty_broker() -> Iterator[Redis]:
    with broker() as (url, _):
        client = Redis.from_url(url)
        yield client
        client.close()


@pytest.fixture(scope="package")
def clean(running: Servers, empty_broker: Redis) -> Iterator[tuple[str, SmallRun]]:
    """One clean run, and the name of its database, for every test to take a copy of."""
    with copied(running.migration_url) as name, TemporaryDirectory(prefix="fleetlog-") as folder:
        database = Database(sqlalchemy_url(with_database(running.database_url, name)))
        ran = SmallRun(database, empty_broker, Path(folder)).run()
        database.dispose()
        yield name, ran


@pytest.fixture
def doctored(running: Servers, clean: tuple[str, SmallRun]) -> Iterator[TestDatabase]:
    """In place of an empty one: the database of the clean run, to be doctored."""
    name, admin = f"{clean[0]}_doctored", running.migration_url
    copy, template = sql.Identifier(name), sql.Identifier(clean[0])
    execute(admin, sql.SQL("create database {} template {}").format(copy, template))
    urls = (with_database(url, name) for url in (running.database_url, admin))
    yield TestDatabase(name, *urls)
    execute(admin, sql.SQL("drop database {} with (force)").format(copy))


@pytest.fixture
def ran(
    clean: tuple[str, SmallRun], doctored: TestDatabase, empty_broker: Redis, tmp_path: Path
) -> Iterator[SmallRun]:
    """The clean run once more, on the copy."""
    database = Database(sqlalchemy_url(doctored.url))
    shutil.copytree(clean[1].folder, tmp_path, dirs_exist_ok=True)
    yield replace(clean[1], database=database, folder=tmp_path)
    database.dispose()
    empty_broker.flushall()
