"""Connections: one SQLAlchemy engine a role, and psycopg's own cursor for the hot calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TypeAlias

import psycopg
import sqlalchemy as sa
from psycopg.rows import TupleRow
from sqlalchemy import Engine, PoolProxiedConnection, create_engine, event

from store.arrays import register_arrays
from store.patience import patient
from store.schema import CORE_SCHEMA, READ_MODEL_SCHEMA

Connection: TypeAlias = psycopg.Connection[TupleRow]


class Role(StrEnum):
    """What a connection may do; the login itself may do nothing."""

    WRITER = "fleetlog_writer"
    PROJECTOR = "fleetlog_projector"
    READER = "fleetlog_reader"


# A writer that hangs holds back every reader, so it is given little time; a projector holds
# back only its own projection; a reader nobody, but whoever asked waits for it. What we read comes
# in pages: a statement that takes ten seconds has gone wrong. The few that may take longer, such
# as a comparison of whole tables, say so by `unhurried`.
TIMEOUTS = {
    Role.WRITER: {
        "transaction_timeout": "5s",
        "idle_in_transaction_session_timeout": "5s",
        "lock_timeout": "3s",
    },
    Role.PROJECTOR: {
        "transaction_timeout": "60s",
        "idle_in_transaction_session_timeout": "10s",
        "statement_timeout": "10s",
    },
    Role.READER: {"idle_in_transaction_session_timeout": "60s", "statement_timeout": "10s"},
}
# Longer than the server's own limits: a server that is there answers first, with a reason.
PATIENCE = {Role.WRITER: 8.0, Role.PROJECTOR: 15.0, Role.READER: 15.0}
# A peer that vanished is given up within seconds instead of the kernel's quarter of an hour.
LIVENESS = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class Database:
    """
    Where the store lives: `url` names the login role, each engine takes one of its roles.

    Engines are made on first use and work in autocommit; a transaction is always explicit:
    `with connection.transaction()`.
    """

    def __init__(self, url: str, *, pool_size: int = 5, application: str = "fleetlog") -> None:
        self._url = url
        self._pool_size = pool_size
        self._application = application
        self._engines: dict[Role, Engine] = {}

    def engine(self, role: Role) -> Engine:
        """Return the engine of `role`, whose every connection acts as that role."""
        if role not in self._engines:
            self._engines[role] = self._create(role)
        return self._engines[role]

    @contextmanager
    def connect(self, role: Role) -> Iterator[Connection]:
        """Lend a psycopg connection; one that broke is thrown away instead of pooled again."""
        pooled = self.engine(role).raw_connection()
        connection = driver(pooled)
        try:
            yield connection
        except psycopg.errors.FeatureNotSupported:
            # A table has changed its shape under a prepared statement ("cached plan must not
            # change result type"): the connection is of no use any more, the next one is.
            connection.close()
            raise
        finally:
            if connection.closed:
                pooled.invalidate()
            pooled.close()

    def dispose(self, *, close: bool = True) -> None:
        """Forget all pooled connections; after a fork, `close=False` leaves the parent's alone."""
        for engine in self._engines.values():
            engine.dispose(close=close)

    def _create(self, role: Role) -> Engine:
        settings = {
            "role": role.value,
            "search_path": f"{CORE_SCHEMA},{READ_MODEL_SCHEMA}",
            "default_transaction_isolation": r"read\ committed",
            "timezone": "UTC",
            # Every statement of ours has its index. A plan made while a table was still empty
            # would scan it, and keep doing so until the next ANALYZE.
            "enable_seqscan": "off" if role is not Role.READER else "on",
            **TIMEOUTS[role],
        }
        engine = create_engine(
            self._url,
            isolation_level="AUTOCOMMIT",
            pool_size=self._pool_size,
            # Nothing is left open to roll back, and asking would cost a round trip.
            pool_reset_on_return=None,
            connect_args={
                "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
                "application_name": f"{self._application} {role.value.removeprefix('fleetlog_')}",
                "prepare_threshold": 1,
                **LIVENESS,
            },
        )
        event.listen(engine, "do_connect", patient(PATIENCE[role]))
        event.listen(engine, "connect", _register)
        return engine


def driver_connection(connection: sa.Connection) -> Connection:
    """
    Return the psycopg connection under a SQLAlchemy one, ready for our binary arrays.

    SQLAlchemy begins when it executes, and does not see what we execute: without beginning
    here, its `commit()` would find nothing to commit.
    """
    if not connection.in_transaction():
        connection.begin()
    underlying = driver(connection.connection)
    register_arrays(underlying)
    return underlying


def driver(pooled: PoolProxiedConnection) -> Connection:
    underlying = pooled.driver_connection
    if not isinstance(underlying, psycopg.Connection):
        raise TypeError(f"the store speaks psycopg, not {type(underlying).__module__}")
    return underlying


def _register(connection: Connection, _record: object) -> None:
    register_arrays(connection)
