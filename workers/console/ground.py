"""What a command stands on: servers that run, a database that fits, a domain that is loaded."""

from pathlib import Path

import sqlalchemy as sa

from store.engine import Role
from store.migrations.running import current_version, migrate, newest_version
from store.projection import projections
from store.read_model_tables import prepare
from workers.console.endings import Failure
from workers.console.failures import NEVER_MIGRATED, explain
from workers.console.output import err
from workers.domains import load_domain
from workers.fleet import addresses, fleet
from workers.settings import current_settings

DENIED = "42501"


def stand() -> None:
    """
    Stand on a fleet that is there and fits, for a command that asks or changes something.

    Raises Failure otherwise.
    """
    reach()
    require_version()


def reach() -> None:
    """
    Load the domain, and start the embedded servers if they are ours and do not run.

    Raises Failure where there is no fleet yet: asking must not make one.
    """
    settings = current_settings()
    own = settings.database_url is None or settings.redis_url is None
    if own and not (settings.home / "postgres").exists():
        raise Failure(
            f"there is no fleet in {near(settings.home)} yet; start one with: fleetlog up, "
            "or set DATABASE_URL and REDIS_URL"
        )
    load_domain()
    with err.status("waking the embedded servers"):
        addresses()


def require_version() -> None:
    """Raise Failure unless the database has the schema of this code."""
    problem = misfit(version_found())
    if problem:
        raise Failure(problem)


def misfit(found: str | None) -> str | None:
    """Say what is wrong with a database of this schema version, or None."""
    if found is None:
        return NEVER_MIGRATED
    if found != newest_version():
        return (
            f"the database is at schema version {found}, this code needs {newest_version()}; "
            "run: fleetlog migrate"
        )
    return None


def version_found() -> str | None:
    """Return the schema version of the database, None when it was never migrated."""
    try:
        with fleet.database.engine(Role.READER).connect() as connection:
            return current_version(connection)
    except sa.exc.DBAPIError as error:
        # Roles belong to the whole server: ours may be there before this database has anything.
        if explain(error) == NEVER_MIGRATED or getattr(error.orig, "sqlstate", None) == DENIED:
            return None
        raise


def bring_up_to_date() -> str:
    """
    Migrate if need be, and make the tables of new read models; returns the schema version.

    A database that fits already is left alone: the fleet's own login may not migrate.
    """
    load_domain()
    version = version_found()
    if version != newest_version():
        version = migrated()
    prepare(fleet.database, projections())
    return version


def migrated() -> str:
    """Migrate with the settings' own login; returns the version reached."""
    password = current_settings().app_password
    return migrate(
        addresses().migration, app_password=password.get_secret_value() if password else None
    )


def near(path: Path) -> str:
    """Return a path as short as it can be said from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
