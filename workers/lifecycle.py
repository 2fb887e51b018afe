"""What a worker does when it starts, when it forks, and when it speaks."""

from typing import Any

import sqlalchemy as sa
from celery import signals

from store.engine import Role
from store.migrations.running import current_version, newest_version
from store.projection import projections
from store.read_model_tables import prepare
from workers.fleet import fleet
from workers.telemetry import configure_logging


class CannotStartError(SystemExit):
    """A worker that could not do its work ends with a sentence, for a supervisor to try again."""


@signals.setup_logging.connect
def log_our_way(**_: Any) -> None:
    """Replace Celery's logging with ours."""
    configure_logging()


@signals.worker_init.connect
def start(**_: Any) -> None:
    """Refuse a database we do not fit; make the tables of new read models."""
    try:
        require_schema()
        prepare(fleet.database, projections())
    except Exception as error:  # a signal's handlers must not fail quietly
        raise CannotStartError(f"cannot start: {reason(error)}") from error
    # Connections must not be open across the fork that follows.
    fleet.forget(close=True)


@signals.worker_process_init.connect
def after_fork(**_: Any) -> None:
    """Leave the parent's connections to the parent."""
    fleet.forget(close=False)


def require_schema() -> None:
    """Raise CannotStartError unless the database is at our version."""
    with fleet.database.engine(Role.READER).connect() as connection:
        try:
            found = current_version(connection)
        except sa.exc.ProgrammingError:
            found = None
    wanted = newest_version()
    if found != wanted:
        raise CannotStartError(
            f"cannot start: the database is at schema version {found or 'none'}, "
            f"this code needs {wanted}; run: fleetlog migrate"
        )


def reason(error: Exception) -> str:
    """Return an error in one line, with what to do about a database that was never migrated."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    line = str(cause).strip().splitlines()[0]
    never = 'role "fleetlog' in line or "permission denied" in line
    return f"{line}; run: fleetlog migrate" if never else line
