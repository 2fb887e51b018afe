"""A server that is there and refuses: no connection left, no time left, sessions ended."""

from contextlib import ExitStack, closing, suppress
from random import Random

import psycopg
from psycopg import sql

from tests.chaos.stage import Deed, Stage
from workers.embedded.postgres import LOGIN_ROLE

MOST = 200
TABLES = ("commands", "events", "projection_checkpoints")
OURS = "datname = current_database() and usename = %s and pid <> pg_backend_pid()"
TIGHT = {"statement_timeout": "5ms"}


def use_up_connections(stage: Stage, random: Random) -> None:
    """Break those of the fleet, and take all there are before they come back."""
    with ExitStack() as held:
        stage.servers.database_wire.hang_up()
        with suppress(psycopg.OperationalError):
            for _ in range(MOST):
                connection = psycopg.connect(stage.servers.database_url, connect_timeout=5)
                held.enter_context(closing(connection))
        stage.between(random, 2, 4)
    stage.count(Deed.CROWD)


def hold_a_table(stage: Stage, random: Random) -> None:
    """Somebody's migration: lock_timeout, statement_timeout and transaction_timeout all strike."""
    table = sql.Identifier("fleetlog", random.choice(TABLES))
    with stage.servers.admin() as connection, connection.transaction():
        connection.execute("set local lock_timeout = '10s'")
        with suppress(psycopg.errors.LockNotAvailable):
            connection.execute(sql.SQL("lock table {} in access exclusive mode").format(table))
            stage.between(random, 4, 11)
            stage.count(Deed.TIMEOUT)


def tighten_timeouts(stage: Stage, random: Random) -> None:
    """An administrator's hand: every new session of the fleet has next to no time."""
    role = sql.Identifier(LOGIN_ROLE)
    with stage.servers.admin() as connection:
        for name, value in TIGHT.items():
            change = sql.SQL("alter role {} set {} = {}")
            connection.execute(change.format(role, sql.Identifier(name), sql.Literal(value)))
        end_sessions(connection)
        stage.between(random, 2, 4)
        connection.execute(sql.SQL("alter role {} reset all").format(role))
        end_sessions(connection)
    stage.count(Deed.TIMEOUT)


def cancel_statements(stage: Stage, random: Random) -> None:
    """Again and again, whatever runs just now."""
    with stage.servers.admin() as connection:
        for _ in range(30):
            busy = f"select pg_cancel_backend(pid) from pg_stat_activity where {OURS}"
            connection.execute(f"{busy} and state = 'active'", [LOGIN_ROLE])
            stage.between(random, 0.01, 0.1)
    stage.count(Deed.CANCEL)


def terminate_sessions(stage: Stage, random: Random) -> None:
    with stage.servers.admin() as connection:
        for _ in range(10):
            end_sessions(connection, share=0.3)
            stage.between(random, 0.05, 0.3)
    stage.count(Deed.CANCEL)


def end_sessions(connection: psycopg.Connection, share: float = 1.0) -> None:
    ended = f"select pg_terminate_backend(pid) from pg_stat_activity where {OURS}"
    connection.execute(f"{ended} and random() < %s", [LOGIN_ROLE, share])
