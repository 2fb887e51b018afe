"""Which failures of the database pass by themselves, and how we wait for that."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

import psycopg
from sqlalchemy.exc import DBAPIError

T = TypeVar("T")

# Serialization failure, deadlock, lock not available; cancelled; shutting down, crashed, starting
# up, idle too long; an error of reading or writing.
PASSING = frozenset(
    {
        *("40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "57P05"),
        *("25P03", "25P04", "58030"),
    }
)
# The connection; connections, memory or disk used up.
PASSING_CLASSES = frozenset({"08", "53"})
# Data exception, integrity constraint violation, limit exceeded (such as an index entry's size).
ROW_CLASSES = frozenset({"22", "23", "54"})


def is_passing(error: BaseException) -> bool:
    """Return whether the same call may succeed a moment later."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, psycopg.Error):
        return False
    state = cause.sqlstate
    if state is None:  # never reached the server, or the connection broke
        return isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
    return state in PASSING or state[:2] in PASSING_CLASSES or is_stale_plan(cause)


def sqlstate(error: psycopg.Error | DBAPIError) -> str | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return cause.sqlstate if isinstance(cause, psycopg.Error) else None


def is_stale_plan(error: psycopg.Error) -> bool:
    """Whether a table changed under a prepared statement; a new connection prepares it anew."""
    return isinstance(error, psycopg.errors.FeatureNotSupported) and "cached plan" in str(error)


def refuses_row(error: psycopg.Error) -> bool:
    """Whether the data is at fault (too long, missing, out of range), not the table or a right."""
    return (error.sqlstate or "")[:2] in ROW_CLASSES


def retrying(  # noqa: PLR0913 - all but the first have their default
    operation: Callable[[], T],
    *,
    attempts: int = 6,
    pause: float = 0.05,
    longest: float = 2.0,
    within: float = 10.0,
    never: frozenset[str] = frozenset(),
) -> T:
    """
    Run `operation` until it passes, at most `attempts` times, pausing longer each time.

    No attempt is begun after `within` seconds: where a server takes all it is told and answers
    nothing, somebody else may be better placed.

    It runs again even if it took effect and only the answer was lost, so it must be harmless
    to repeat. Pauses are drawn at random from the whole interval ("full jitter"). Errors with a
    SQLSTATE in `never` are not waited out.
    """
    give_up = time.monotonic() + within
    for attempt in range(1, attempts):
        try:
            return operation()
        except (psycopg.Error, DBAPIError) as error:
            late = time.monotonic() > give_up
            if late or not is_passing(error) or sqlstate(error) in never:
                raise
        time.sleep(random.uniform(0, min(longest, pause * 2**attempt)))  # noqa: S311 - no secret
    return operation()
