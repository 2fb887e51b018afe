"""What a worker does when it starts, when it forks, and when it speaks."""

from typing import Any

import sqlalchemy as sa
import structlog
from celery import signals

from store.projection import projections
from store.read_model_tables import prepare
from store.retry import is_passing
from workers import safety
from workers.fleet import fleet
from workers.settings import current_settings
from workers.telemetry import configure_logging
from workers.tending import changed

log = structlog.get_logger(__name__)


class CannotStartError(SystemExit):
    """A worker that could not do its work ends with a sentence, for a supervisor to try again."""


@signals.setup_logging.connect
def log_our_way(**_: Any) -> None:
    """Replace Celery's logging with ours."""
    configure_logging()


@signals.worker_init.connect
def start(**_: Any) -> None:
    """Refuse servers that we do not fit or cannot trust; make the tables of new read models."""
    try:
        require_safety()
        prepare(fleet.database, projections())
        offer_rebuilds()
    except Exception as error:  # a signal's handlers must not fail quietly
        raise CannotStartError(f"cannot start: {reason(error)}") from error
    # Connections must not be open across the fork that follows.
    fleet.forget(close=True)


def offer_rebuilds() -> None:
    """Say which projections stand still because their code has changed, and what to do."""
    unasked = current_settings().rebuild_changed
    for name in changed():
        remedy = "it is rebuilt now" if unasked else f"run: fleetlog rebuild {name}"
        log.warning(
            "projection has changed since its rows were folded", projection=name, next=remedy
        )


@signals.beat_init.connect
def start_beat(**_: Any) -> None:
    """Refuse them as a worker does; a beat needs no database, so one that is away is no reason."""
    try:
        require_safety()
    except Exception as error:
        if not is_passing(error):
            raise CannotStartError(f"cannot start: {reason(error)}") from error
        log.warning("the database was not checked, it is out of reach", error=reason(error))
    fleet.forget(close=True)


@signals.worker_process_init.connect
def after_fork(**_: Any) -> None:
    """Leave the parent's connections to the parent."""
    fleet.forget(close=False)


def require_safety() -> None:
    """Say what is only to be said; raise CannotStartError with a sentence for what must not be."""
    verdict = safety.examine()
    for warning in verdict.warnings:
        log.warning(warning)
    if verdict.errors:
        raise CannotStartError("\n".join(f"cannot start: {error}" for error in verdict.errors))


def reason(error: Exception) -> str:
    """Return an error in one line, with what to do about a database that was never migrated."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    line = str(cause).strip().splitlines()[0]
    never = 'role "fleetlog' in line or "permission denied" in line
    return f"{line}; run: fleetlog migrate" if never else line
