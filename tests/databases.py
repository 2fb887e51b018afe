"""Databases for tests: a migrated template, and a copy of it for each test that asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
from psycopg import sql

from store.migrations.running import migrate
from workers.settings import sqlalchemy_url

TEMPLATE = "fleetlog_template"
_numbers = count(1)


def with_database(url: str, name: str) -> str:
    """Return `url` pointing at another database of the same server."""
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{query}"


def make_template(admin_url: str) -> None:
    """Create and migrate the database that tests copy."""
    execute(admin_url, sql.SQL("create database {}").format(sql.Identifier(TEMPLATE)))
    migrate(sqlalchemy_url(with_database(admin_url, TEMPLATE)))


@contextmanager
def copied(admin_url: str) -> Iterator[str]:
    """Lend the name of a fresh copy of the template; it is dropped again, whoever is connected."""
    name = f"test_{next(_numbers)}"
    copy, template = sql.Identifier(name), sql.Identifier(TEMPLATE)
    execute(admin_url, sql.SQL("create database {} template {}").format(copy, template))
    try:
        yield name
    finally:
        execute(admin_url, sql.SQL("drop database {} with (force)").format(copy))


def execute(url: str, statement: sql.Composed) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)
