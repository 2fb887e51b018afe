"""From an exception to a sentence: what was wrong, with what, and what to do."""

import psycopg
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from domain.errors import DomainError
from store.errors import StoreError
from workers.awaiting import NotReadError
from workers.embedded import EmbeddedServerError
from workers.errors import CommandNotDoneError
from workers.fleet import addresses
from workers.projecting import OtherVersionError, UnknownProjectionError
from workers.safety.schema import NEVER_MIGRATED
from workers.settings import SettingsError
from workers.standstill import NoStandstillError

# Errors of ours: their own sentence says it all.
SPEAKING = (
    CommandNotDoneError,
    DomainError,
    EmbeddedServerError,
    NoStandstillError,
    NotReadError,
    OtherVersionError,
    SettingsError,
    StoreError,
    UnknownProjectionError,
)


def explain(error: BaseException) -> str | None:
    """Return the sentence for an error that was to be expected, None for a bug."""
    if isinstance(error, SPEAKING):
        return str(error)
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, psycopg.Error):
        return about_database(cause)
    if isinstance(cause, RedisError | BrokerError):
        return f"the broker at {hidden(addresses().redis)} cannot be used: {first_line(cause)}"
    if isinstance(cause, OSError):
        return f"{cause.strerror or cause}: {cause.filename}" if cause.filename else str(cause)
    return None


def about_database(error: psycopg.Error) -> str:
    """Say what is the matter with the database, and that it is new when that is all."""
    text = first_line(error)
    if 'role "fleetlog_' in text or error.sqlstate in {"3F000", "42P01"}:
        return NEVER_MIGRATED
    place = hidden(addresses().database)
    if error.sqlstate is None:
        return f"the database at {place} cannot be reached: {text}"
    return f"the database at {place} refused: {text}"


def first_line(error: BaseException) -> str:
    """Return the first line of a library's message; the others repeat the query."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def hidden(url: str) -> str:
    """Return an address without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ValueError:  # of a kind that SQLAlchemy does not read
        return url.rpartition("@")[2]
