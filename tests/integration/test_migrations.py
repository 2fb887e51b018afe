"""The schema: what the code believes is what the migrations make, on any server."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from store.engine import Database
from store.event_store import EventStore
from store.migrations.running import current_version, migrate, newest_version
from store.schema import CORE_SCHEMA, core
from tests.conftest import TestDatabase
from tests.databases import with_database
from tests.integration.order_load import facts
from workers.embedded import Servers, servers
from workers.settings import sqlalchemy_url

SECRETS = "select rolpassword from pg_authid where rolname = 'fleetlog_app'"
ROOT = Path(__file__).parents[2]
MIGRATE = """
import sys
from store.migrations.running import migrate
print("ready", flush=True)
sys.stdin.readline()
print(migrate(sys.argv[1]))
"""
FUNCTIONS = "select count(*) from pg_proc where pronamespace = 'fleetlog'::regnamespace"


@pytest.fixture
def empty_server() -> Iterator[Servers]:
    """A server that has never heard of fleetlog: roles belong to all of its databases."""
    with TemporaryDirectory(prefix="fleetlog-") as home, servers(Path(home), durable=False) as made:
        yield made


@pytest.fixture
def blank(running: Servers) -> Iterator[sa.Engine]:
    """A database with nothing in it."""
    execute(running.migration_url, "create database blank")
    engine = sa.create_engine(sqlalchemy_url(with_database(running.migration_url, "blank")))
    yield engine
    engine.dispose()
    execute(running.migration_url, "drop database blank")


@pytest.fixture
def engine(fresh: TestDatabase) -> Iterator[sa.Engine]:
    engine = sa.create_engine(sqlalchemy_url(fresh.admin_url))
    yield engine
    engine.dispose()


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def ask(url: str, query: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        return [value for (value,) in connection.execute(query.encode())]


def append_and_read(url: str, stream: str = "s") -> int:
    """Use the store as the application does; returns how many events it holds then."""
    database = Database(sqlalchemy_url(url))
    store = EventStore(database)
    store.append_events(stream, 0, facts(2), aggregate_type="Load")
    held = len(store.get_all_events())
    database.dispose()
    return held


def test_the_schema_in_the_code_is_the_sum_of_the_migrations(engine: sa.Engine) -> None:
    options = {
        "include_schemas": True,
        "include_name": lambda name, kind, _: kind != "schema" or name == CORE_SCHEMA,
        "version_table_schema": CORE_SCHEMA,
        "compare_type": True,
        "compare_server_default": True,
    }
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)

        assert compare_metadata(context, core) == []


def test_so_are_the_checks_and_conditions_that_alembic_does_not_compare(
    engine: sa.Engine, blank: sa.Engine
) -> None:
    """Tables made of the code's own words are compared with those of the migrations."""
    with blank.begin() as connection:
        connection.execute(sa.schema.CreateSchema(CORE_SCHEMA))
        core.create_all(connection)

    assert described(blank) == described(engine)


def described(engine: sa.Engine) -> dict[str, Any]:
    """Return constraints, indexes and columns of the core tables, as PostgreSQL spells them."""
    with engine.connect() as connection:
        return {
            f"{table.name}: {what}": sorted(
                connection.scalars(sa.text(query), {"name": f"{CORE_SCHEMA}.{table.name}"})
            )
            for table in core.tables.values()
            for what, query in DESCRIPTIONS.items()
        }


DESCRIPTIONS = {
    "constraints": "select conname || ' ' || pg_get_constraintdef(oid) from pg_constraint "
    "where conrelid = cast(:name as regclass) and contype <> 'n'",
    "indexes": "select pg_get_indexdef(indexrelid) from pg_index "
    "where indrelid = cast(:name as regclass)",
    "columns": "select concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), "
    "a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid)) "
    "from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum "
    "where a.attrelid = cast(:name as regclass) and a.attnum > 0 and not a.attisdropped",
}


def test_the_position_is_drawn_one_at_a_time(engine: sa.Engine) -> None:
    """A session that draws ahead would hand out low positions late."""
    with engine.connect() as connection:
        cached = connection.scalar(
            sa.text("select seqcache from pg_sequence where seqrelid = "
                    "'fleetlog.events_global_sequence_seq'::regclass")
        )  # fmt: skip

    assert cached == 1


def test_migrating_again_changes_nothing(fresh: TestDatabase) -> None:
    before = append_and_read(fresh.url), ask(fresh.admin_url, FUNCTIONS)
    version = migrate(sqlalchemy_url(fresh.admin_url))
    after = append_and_read(fresh.url, "t") - 2, ask(fresh.admin_url, FUNCTIONS)

    assert version == newest_version()
    assert after == before


def test_a_database_says_how_far_it_was_migrated(engine: sa.Engine, blank: sa.Engine) -> None:
    with engine.connect() as migrated, blank.connect() as never:
        versions = current_version(migrated), current_version(never)

    assert versions == (newest_version(), None)


def test_many_may_migrate_at_once(empty_server: Servers) -> None:
    """The same database and another, on a server where nobody has made the roles yet."""
    home = empty_server.migration_url
    execute(home, "create database other")
    other = with_database(home, "other")
    versions = migrate_at_once(home, home, other, other)

    assert versions == [newest_version()] * 4
    assert append_and_read(empty_server.database_url) == 2
    assert append_and_read(with_database(empty_server.database_url, "other")) == 2


def test_an_owner_who_may_create_roles_needs_no_superuser(empty_server: Servers) -> None:
    execute(
        empty_server.migration_url,
        "create role housekeeper login createrole",
        "create database one owner housekeeper",
        "create database two owner housekeeper",
    )
    admin = empty_server.migration_url.replace("postgres@", "housekeeper@")
    at_once = migrate_at_once(*(with_database(admin, name) for name in ("one", "two", "one")))
    again = migrate(sqlalchemy_url(with_database(admin, "one")))

    assert at_once == [newest_version()] * 3
    assert again == newest_version()
    for name in ("one", "two"):
        assert append_and_read(with_database(empty_server.database_url, name)) == 2


def migrate_at_once(*urls: str) -> list[str]:
    """Migrate in one process for each, all let go at the same moment; return what they reached."""
    with ExitStack() as crowd:
        processes = [crowd.enter_context(another_process(url)) for url in urls]
        for process in processes:
            assert process.stdout
            process.stdout.readline()
        for process in processes:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        return [process.communicate(timeout=30)[0].strip() for process in processes]


def another_process(url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", MIGRATE, sqlalchemy_url(url)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_login_is_given_the_password_that_was_asked_for(empty_server: Servers) -> None:
    url, kept = sqlalchemy_url(empty_server.migration_url), []
    for password in ("first", None, "it's \\ 'quoted' %s"):
        migrate(url, app_password=password)
        kept += ask(empty_server.migration_url, SECRETS)
    first, without, changed = kept

    assert str(first).startswith("SCRAM-SHA-256$")
    assert first == without != changed
