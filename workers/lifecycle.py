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


class SchemaError(SystemExit):
    """The database does not have the schema this code was written for."""


@signals.setup_logging.connect
def log_our_way(**_: Any) -> None:
    """Replace Celery's logging with ours."""
    configure_logging()


@signals.worker_init.connect
def start(**_: Any) -> None:
    """Refuse a database we do not fit; make the tables of new read models."""
    require_schema()
    prepare(fleet.database, projections())
    # Connections must not be open across the fork that follows.
    fleet.forget(close=True)


@signals.worker_process_init.connect
def after_fork(**_: Any) -> None:
    """Leave the parent's connections to the parent."""
    fleet.forget(close=False)


def require_schema() -> None:
    """Stop with a sentence unless the database is at our version."""
    with fleet.database.engine(Role.READER).connect() as connection:
        try:
            found = current_version(connection)
        except sa.exc.ProgrammingError:
            found = None
    wanted = newest_version()
    if found != wanted:
        raise SchemaError(
            f"the database is at schema version {found or 'none'}, this code needs {wanted}; "
            "run: fleetlog migrate"
        )
