"""A server that is there and refuses: no connection left, no time left, sessions ended."""

from contextlib import ExitStack, closing, suppress
from random import Random

import psycopg
from psycopg import sql

from tests.chaos.stage import Stage
from tests.chaos.strikes import Strike
from workers.embedded.postgres import LOGIN_ROLE

MOST = 200
OURS = "datname = current_database() and usename = %s and pid <> pg_backend_pid()"
TIGHT = {"statement_timeout": "5ms"}
LOCK_SECONDS = (3.5, 8.0)  # a writer waits three seconds for a lock
STATEMENT_SECONDS = (11.0, 13.0)  # a projector's statement has ten


def use_up_connections(stage: Stage, random: Random) -> int:
    """Break those of the fleet, and take all there are before they come back."""
    with ExitStack() as held:
        stage.servers.database_wire.hang_up()
        with suppress(psycopg.OperationalError):
            for _ in range(MOST):
                connection = psycopg.connect(stage.servers.database_url, connect_timeout=5)
                held.enter_context(closing(connection))
        before = stage.servers.strikes[Strike.CROWD]  # the last of them was ours
        stage.between(random, 2, 4)
        return min(1, stage.servers.strikes[Strike.CROWD] - before)


def hold_a_table(stage: Stage, random: Random) -> int:
    """Somebody's migration: writers give up after their `lock_timeout`."""
    table = random.choice(["commands", "events"])
    return hold(stage, table, random.uniform(*LOCK_SECONDS), Strike.LOCK)


def hold_the_checkpoints(stage: Stage, random: Random) -> int:
    """A longer one: projectors, who have no `lock_timeout`, give up after `statement_timeout`."""
    seconds = random.uniform(*STATEMENT_SECONDS)
    return hold(stage, "projection_checkpoints", seconds, Strike.STATEMENT)


def hold(stage: Stage, table: str, seconds: float, strike: Strike) -> int:
    before = stage.servers.strikes[strike]
    name = sql.Identifier("fleetlog", table)
    with stage.servers.admin() as connection, connection.transaction():
        connection.execute("set local lock_timeout = '10s'")
        with suppress(psycopg.errors.LockNotAvailable):
            connection.execute(sql.SQL("lock table {} in access exclusive mode").format(name))
            stage.wait(seconds)
    return min(1, stage.servers.strikes[strike] - before)


def tighten_timeouts(stage: Stage, random: Random) -> int:
    """An administrator's hand: every new session of a writer has next to no time."""
    role, before = sql.Identifier(LOGIN_ROLE), stage.servers.strikes[Strike.STATEMENT]
    with stage.servers.admin() as connection:
        for name, value in TIGHT.items():
            change = sql.SQL("alter role {} set {} = {}")
            connection.execute(change.format(role, sql.Identifier(name), sql.Literal(value)))
        end_sessions(connection)
        stage.between(random, 2, 4)
        connection.execute(sql.SQL("alter role {} reset all").format(role))
        end_sessions(connection)
    return min(1, stage.servers.strikes[Strike.STATEMENT] - before)


def cancel_statements(stage: Stage, random: Random) -> int:
    """Again and again, whatever runs just now."""
    before = stage.servers.strikes[Strike.CANCELLED]
    with stage.servers.admin() as connection:
        for _ in range(30):
            busy = f"select pg_cancel_backend(pid) from pg_stat_activity where {OURS}"
            connection.execute(f"{busy} and state = 'active'", [LOGIN_ROLE])
            stage.between(random, 0.01, 0.1)
    return min(1, stage.servers.strikes[Strike.CANCELLED] - before)


def terminate_sessions(stage: Stage, random: Random) -> int:
    before = stage.servers.strikes[Strike.TERMINATED]
    with stage.servers.admin() as connection:
        for _ in range(10):
            end_sessions(connection, share=0.3)
            stage.between(random, 0.05, 0.3)
    return min(1, stage.servers.strikes[Strike.TERMINATED] - before)


def end_sessions(connection: psycopg.Connection, share: float = 1.0) -> None:
    ended = f"select pg_terminate_backend(pid) from pg_stat_activity where {OURS}"
    connection.execute(f"{ended} and random() < %s", [LOGIN_ROLE, share])
