"""A fault counts by its effect, and PostgreSQL's own log tells of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from typing import cast

import psycopg
import pytest

from tests.chaos.faults import crashes, limits, wires
from tests.chaos.fleet import ChaosFleet
from tests.chaos.plan import seeded
from tests.chaos.servers import ChaosServers
from tests.chaos.stage import Stage
from tests.chaos.strikes import Strike
from tests.polling import eventually

NOBODY = cast("ChaosFleet", None)


@pytest.fixture(scope="module")
def servers() -> Iterator[ChaosServers]:
    with TemporaryDirectory(prefix="fleetlog-") as home:
        servers = ChaosServers(Path(home))
        yield servers
        servers.stop()


@pytest.fixture
def stage(servers: ChaosServers, tmp_path: Path) -> Stage:
    """Servers that nobody uses; a run that is over, so that no fault lasts."""
    made = Stage(servers, NOBODY, tmp_path)
    made.over.set()
    return made


def session(servers: ChaosServers, whose: str = "writer", **limits: str) -> psycopg.Connection:
    options = " ".join(f"-c {name}={value}" for name, value in limits.items())
    place, name = servers.database_url, f"fleetlog {whose}"
    return psycopg.connect(place, options=options, application_name=name, autocommit=True)


def wait_for_a_lock(servers: ChaosServers, whose: str = "writer") -> None:
    with servers.admin() as admin, admin.transaction():
        admin.execute("lock table fleetlog.commands in access exclusive mode")
        with closing(session(servers, whose, role="fleetlog_reader", lock_timeout="20ms")) as ours:
            ours.execute("select from fleetlog.commands")


def take_too_long(servers: ChaosServers) -> None:
    with closing(session(servers, "projector", statement_timeout="20ms")) as ours:
        ours.execute("select pg_sleep(5)")


def dawdle(servers: ChaosServers, limit: str) -> None:
    with closing(session(servers, **{limit: "20ms"})) as ours:
        ours.execute("begin")
        time.sleep(0.1)
        ours.execute("select 1")


def be_cancelled(servers: ChaosServers) -> None:
    with closing(session(servers)) as ours, servers.admin() as admin:
        cancel = Timer(
            0.1, admin.execute, ["select pg_cancel_backend(%s)", [ours.info.backend_pid]]
        )
        cancel.start()
        ours.execute("select pg_sleep(5)")


def be_ended(servers: ChaosServers) -> None:
    with closing(session(servers)) as ours, servers.admin() as admin:
        admin.execute("select pg_terminate_backend(%s, 5000)", [ours.info.backend_pid])
        ours.execute("select 1")


STRIKES: dict[Strike, Callable[[ChaosServers], None]] = {
    Strike.LOCK: wait_for_a_lock,
    Strike.STATEMENT: take_too_long,
    Strike.TRANSACTION: lambda servers: dawdle(servers, "transaction_timeout"),
    Strike.IDLE: lambda servers: dawdle(servers, "idle_in_transaction_session_timeout"),
    Strike.CANCELLED: be_cancelled,
    Strike.TERMINATED: be_ended,
}


@pytest.mark.parametrize("strike", STRIKES)
def test_each_limit_that_strikes_is_told_from_the_others(
    servers: ChaosServers, strike: Strike
) -> None:
    before = servers.strikes
    with pytest.raises((psycopg.OperationalError, psycopg.InternalError)):
        STRIKES[strike](servers)

    eventually(lambda: servers.strikes[strike] > before[strike])

    assert servers.strikes - before == {strike: 1}


def test_the_short_lock_timeout_of_a_swap_is_no_writers(servers: ChaosServers) -> None:
    before = servers.strikes
    with pytest.raises(psycopg.errors.LockNotAvailable):
        wait_for_a_lock(servers, "projector")

    assert servers.strikes == before


def test_a_fault_that_meets_nobody_counts_nothing(stage: Stage) -> None:
    random = seeded(1)
    faults = (
        *(limits.use_up_connections, limits.hold_a_table, limits.hold_the_checkpoints),
        *(limits.tighten_timeouts, limits.cancel_statements, limits.terminate_sessions),
        *(wires.cut_database, wires.slow_broker, wires.lose_broker, crashes.flush_broker),
    )

    assert {fault.__name__: fault(stage, random) for fault in faults} == dict.fromkeys(
        (fault.__name__ for fault in faults), 0
    )


def test_connections_that_are_refused_to_others_are_counted(
    servers: ChaosServers, tmp_path: Path
) -> None:
    class Crowd(Stage):
        def between(self, *_: object) -> None:
            with suppress(psycopg.OperationalError):
                psycopg.connect(servers.database_url)

    assert limits.use_up_connections(Crowd(servers, NOBODY, tmp_path), seeded(1)) == 1


def test_a_flush_counts_and_is_noted_as_a_loss_if_there_was_anything_to_lose(
    stage: Stage, servers: ChaosServers
) -> None:
    with servers.redis() as client:
        client.set("something", 1)
    began = time.monotonic_ns()

    assert crashes.flush_broker(stage, seeded(1)) == 1
    ((since, until),) = stage.losses
    assert began <= since <= until <= time.monotonic_ns()
