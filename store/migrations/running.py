"""Bring a database to the schema of this code."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql

from store.engine import driver_connection
from store.schema import CORE_SCHEMA

HERE = Path(__file__).parent
# Namespace 17752 in the high 16 bits: two migrations at once take turns.
MIGRATION_LOCK = 17752 << 48


def run_script(connection: sa.Connection, name: str) -> None:
    """Run one of the SQL files beside this one; the driver must not look for placeholders in it."""
    text = (HERE / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    driver_connection(connection).execute(text.encode())


def migrate(url: str, *, app_password: str | None = None) -> str:
    """
    Create or upgrade the core tables, roles and functions; returns the version reached.

    `url` must be allowed to create roles, or find them made. `app_password` becomes the
    password of the login role `fleetlog_app`. Harmless to run again, and at the same time.
    """
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_lock(MIGRATION_LOCK)))
        run_script(connection, "0000_bootstrap")
        connection.commit()
        command.upgrade(config(connection), "head")
        if app_password:
            set_app_password(connection, app_password)
        connection.commit()
        return current_version(connection) or ""


def set_app_password(connection: sa.Connection, password: str) -> None:
    statement = sql.SQL("alter role fleetlog_app password {}").format(sql.Literal(password))
    driver_connection(connection).execute(statement)


def current_version(connection: sa.Connection) -> str | None:
    """Return the version the database is at, or None when it was never migrated."""
    options = {"version_table_schema": CORE_SCHEMA}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def newest_version() -> str:
    """Return the version this code was written for."""
    return ScriptDirectory(str(HERE)).get_current_head() or ""


def known_versions() -> frozenset[str]:
    """Return every version this code can migrate from, and the newest."""
    return frozenset(one.revision for one in ScriptDirectory(str(HERE)).walk_revisions())


def config(connection: sa.Connection) -> Config:
    made = Config()
    made.set_main_option("script_location", str(HERE))
    made.attributes["connection"] = connection
    return made
