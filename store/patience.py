"""What takes too long is given up: a server that does not answer, a decision that does not end."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.rows import TupleRow

T = TypeVar("T")


class PatientConnection(psycopg.Connection[TupleRow]):
    """
    A connection that waits for an answer so long and no longer; then it is closed.

    The kernel's own limits do not see a peer that takes what we send and never answers: a
    frozen server, a proxy that lost its other half. What had been asked may have happened.
    """

    patience: float | None = None

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for one statement; raises ConnectionTimeout, an OperationalError, in the end."""
        try:
            return super().wait(gen, interval, timeout or self.patience)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001 - "callers should convert it"
            self.pgconn.finish()
            raise psycopg.errors.ConnectionTimeout(
                f"no answer from the database within {timeout or self.patience:g} s"
            ) from None


@contextmanager
def unhurried(connection: psycopg.Connection[TupleRow]) -> Iterator[None]:
    """
    Wait for answers as long as they take; the server's own limits are the caller's to lift.

    A peer that vanished is still found out, by the kernel's keepalives.
    """
    if not isinstance(connection, PatientConnection):
        yield
        return
    before, connection.patience = connection.patience, None
    try:
        yield
    finally:
        connection.patience = before


@contextmanager
def at_most(seconds: float, error: Exception) -> Iterator[None]:
    """
    Raise `error` within the block when it takes longer, and again where that is caught.

    Only Python code can be interrupted so, and only in a process's main thread, which is where
    the tasks of a pool run; elsewhere the block takes as long as it takes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    armed = True

    def interrupt(*_: object) -> None:
        if armed:
            raise error

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        armed = False  # first, or an alarm at this very moment would leave the timer running
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before or signal.SIG_DFL)


def patient(seconds: float) -> Callable[..., PatientConnection]:
    """Return what SQLAlchemy calls to connect."""

    def connect(
        _dialect: Any, _record: Any, arguments: Any, options: dict[str, Any]
    ) -> PatientConnection:
        connection = PatientConnection.connect(*arguments, **options)
        connection.patience = seconds
        return connection

    return connect
