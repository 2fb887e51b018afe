"""A server that does not answer is given up, also where the network says nothing about it."""

from collections.abc import Callable
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


def patient(seconds: float) -> Callable[..., PatientConnection]:
    """Return what SQLAlchemy calls to connect."""

    def connect(
        _dialect: Any, _record: Any, arguments: Any, options: dict[str, Any]
    ) -> PatientConnection:
        connection = PatientConnection.connect(*arguments, **options)
        connection.patience = seconds
        return connection

    return connect
