"""What a command stands on: servers that run, a database that fits, a domain that is loaded."""

from pathlib import Path

from store.migrations.running import known_versions, migrate, newest_version
from store.projection import projections
from store.read_model_tables import prepare
from workers.console.endings import Failure
from workers.console.output import err
from workers.domains import load_domain
from workers.fleet import addresses, fleet
from workers.safety import examine, judge, schema
from workers.settings import current_settings


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
    """Raise Failure unless the database has the schema of this code, or another was allowed."""
    misfit = schema.misfit(schema.version_found())
    for problem in judge([misfit] if misfit else []).errors:
        raise Failure(problem)


def bring_up_to_date() -> tuple[str, ...]:
    """
    Migrate if need be, and make the tables of new read models; returns what is to be said.

    A database that fits already is left alone: the fleet's own login may not migrate. Raises
    Failure for servers that the fleet does not start with.
    """
    load_domain()
    version = schema.version_found()
    if version is None or version in known_versions() - {newest_version()}:
        migrated()
    verdict = examine()
    if verdict.errors:
        raise Failure("\n".join(verdict.errors))
    prepare(fleet.database, projections())
    return verdict.warnings


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
