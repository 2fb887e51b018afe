"""Hung, not dead: a server that takes what it is told and never answers is given up in seconds."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg
import pytest
from redis import Redis
from sqlalchemy.exc import DBAPIError

from store.engine import LIVENESS, PATIENCE, Database, Role
from store.retry import is_passing, retrying, sqlstate
from tests.chaos.proxy import Mode, Proxy
from tests.conftest import TestDatabase
from tests.fleets import TestFleet, a_fleet, connected
from tests.integration.lent import lent
from tests.integration.wires import broker_through, database_through, place_of, wire
from tests.polling import eventually
from tests.processes import Process, started
from tests.toys import Ring
from workers.embedded import Servers
from workers.fleet import fleet
from workers.results import command_id_of
from workers.settings import sqlalchemy_url
from workers.submitting import submit

# For what has no promise of its own, such as a worker's start.
SECONDS = 90.0
# A machine under load is late with what it does; all below is what we ship, and so much more.
MARGIN = 5.0
IN_SECONDS = 15.0  # the longest that "in seconds" may mean for one answer of the database
# One answer, one new connection, two pauses between tries, and the message comes back after 2 s.
LET_GO = PATIENCE[Role.WRITER] + LIVENESS["connect_timeout"] + 2.0 + 2.0
PUBLISHED = 12.0  # three times the broker's socket_timeout
NOTICED = 15.0  # its health_check_interval, once its socket_timeout, and the wait for messages
CONSUMES = 20.0  # the pause before Celery's next try grows with each of them
RELAYED = 60.0
ENDED = 40.0  # a slow farewell of 10 s, and what it would say to the broker
# The broker takes nothing away from whoever hangs: that is not what is shown here.
HOUR = {
    "FLEETLOG_VISIBILITY_TIMEOUT_SECONDS": "3600",
    "FLEETLOG_TASK_TIME_LIMIT_SECONDS": "3000",
    "FLEETLOG_CONCURRENCY": "1",
}
BEAT = ("-m", "celery", "-A", "workers.app", "beat", "-S", "workers.beat:Scheduler")


@pytest.fixture
def hanging(running: Servers) -> Iterator[TestFleet]:
    with lent(running) as database, a_fleet(database, **HOUR) as made:
        yield made


@pytest.fixture
def to_database(fresh: TestDatabase) -> Iterator[Proxy]:
    with wire(place_of(fresh.url)) as proxy:
        yield proxy


def is_done(id: str) -> bool:
    state = fleet.inbox.find(command_id_of(id))
    return state is not None and state.status == "done"


def measured(
    what: str, condition: Callable[[], object], promised: float, *, began: float | None = None
) -> None:
    """Wait for what is promised within so many seconds, from then or now, and say what it took."""
    began = began or time.monotonic()
    eventually(condition, began + promised + MARGIN - time.monotonic(), saying=what)
    print(f"{what}: {time.monotonic() - began:.1f} s; promised: {promised:g} s")


def took(worker: Process, id: str) -> bool:
    return f"[{id}] received" in worker.output


def test_a_silent_database_is_given_up_and_the_next_connection_is_a_new_one(
    fresh: TestDatabase, to_database: Proxy
) -> None:
    """With the patience that we ship; all roles at once, as each of them is to be waited for."""
    database = Database(sqlalchemy_url(database_through(to_database, fresh.url)))
    for role in Role:
        assert one(database, role) == (1,)
    to_database.turn(Mode.BLACK_HOLE)
    with ThreadPoolExecutor() as threads:
        waited = dict(zip(Role, threads.map(partial(silence, database), Role), strict=True))
    to_database.turn(Mode.PASS)
    answers = [one(database, role) for role in Role]
    database.dispose()
    print({role.value: f"given up after {seconds:.2f} s" for role, seconds in waited.items()})

    for role, seconds in waited.items():
        assert PATIENCE[role] <= seconds < PATIENCE[role] + MARGIN, role
    assert max(PATIENCE.values()) <= IN_SECONDS
    assert answers == len(Role) * [(1,)]


def one(database: Database, role: Role) -> object:
    with database.connect(role) as connection:
        return connection.execute("select 1").fetchone()


def silence(database: Database, role: Role) -> float:
    """Return how long it takes to give the database up."""
    began = time.monotonic()
    with pytest.raises(psycopg.OperationalError) as given_up:
        one(database, role)
    assert is_passing(given_up.value)
    return time.monotonic() - began


@pytest.mark.parametrize("mode", [Mode.CUT, Mode.BLACK_HOLE])
def test_a_connection_that_cannot_be_made_is_tried_again(
    fresh: TestDatabase, to_database: Proxy, mode: Mode
) -> None:
    """Such an error never met the server, so it has no SQLSTATE."""
    database = Database(sqlalchemy_url(database_through(to_database, fresh.url)))
    errors: list[Exception] = []

    def ask() -> object:
        if len(errors) == 2:
            to_database.turn(Mode.PASS)
        try:
            with database.connect(Role.WRITER) as connection:
                return connection.execute("select 1").fetchone()
        except (psycopg.Error, DBAPIError) as error:
            errors.append(error)
            raise

    to_database.turn(mode)
    answer = retrying(ask, within=SECONDS)
    database.dispose()

    assert answer == (1,)
    assert [sqlstate(error) for error in errors] == [None, None]  # type: ignore[arg-type]


def test_the_work_of_a_worker_whose_database_is_silent_is_done_elsewhere(
    hanging: TestFleet,
) -> None:
    with wire(place_of(hanging.database.url)) as proxy, connected(hanging.environment):
        through = {"DATABASE_URL": database_through(proxy, hanging.database.url)}
        with hanging.worker("hung", **through) as hung:
            first = submit(Ring(toy_id="bell", note=1))
            eventually(lambda: is_done(first.id), SECONDS)
            proxy.turn(Mode.BLACK_HOLE)
            second = submit(Ring(toy_id="bell", note=2))
            eventually(lambda: took(hung, second.id), SECONDS, saying="the hung one has it")
            began = time.monotonic()
            with hanging.worker("well") as well:
                measured("done elsewhere", lambda: is_done(second.id), LET_GO, began=began)

                assert took(well, second.id)
                assert hung.is_alive


def test_an_open_transaction_of_a_worker_that_hangs_is_no_hindrance_elsewhere(
    hanging: TestFleet,
) -> None:
    """It hangs while it holds the inbox: the server ends its session."""
    fault = hanging.faults / "bell"
    with wire(place_of(hanging.database.url)) as proxy, connected(hanging.environment):
        through = {"DATABASE_URL": database_through(proxy, hanging.database.url)}
        with hanging.worker("hung", **through) as hung:
            fault.write_text("wait")
            command = submit(Ring(toy_id="bell", note=1))
            eventually(lambda: took(hung, command.id), SECONDS, saying="the hung one has it")
            began = time.monotonic()
            proxy.turn(Mode.BLACK_HOLE)
            fault.unlink()
            with hanging.worker("well") as well:
                measured("done elsewhere", lambda: is_done(command.id), LET_GO, began=began)

                assert took(well, command.id)


def test_submitting_to_a_silent_broker_returns_within_seconds_and_the_relay_sees_to_it(
    hanging: TestFleet,
) -> None:
    beat = started(*BEAT, environment=hanging.environment, log=hanging.home / "beat.log")
    with (
        wire(hanging.redis_url.removeprefix("unix://")) as proxy,
        connected({**hanging.environment, "REDIS_URL": broker_through(proxy)}),
    ):
        heard = submit(Ring(toy_id="bell", note=1))
        proxy.turn(Mode.BLACK_HOLE)
        began = time.monotonic()
        unheard = submit(Ring(toy_id="bell", note=2))
        waited = time.monotonic() - began
        print(f"submitted in {waited:.1f} s; promised: {PUBLISHED:g} s")
        state = fleet.inbox.find(command_id_of(unheard.id))
        with hanging.worker(), beat:
            measured("relayed", lambda: is_done(unheard.id), RELAYED)

            assert is_done(heard.id)
    assert waited < PUBLISHED + MARGIN
    assert state
    assert state.status == "accepted"


def test_a_worker_gives_a_silent_broker_up_and_consumes_again_when_it_is_back(
    hanging: TestFleet,
) -> None:
    with (
        wire(hanging.redis_url.removeprefix("unix://")) as proxy,
        connected(hanging.environment),
        hanging.worker("hung", REDIS_URL=broker_through(proxy)) as hung,
        hanging.client() as redis,
    ):
        before = connections(redis)
        proxy.turn(Mode.BLACK_HOLE)
        measured("it asks for another", lambda: connections(redis) > before, NOTICED)
        with hanging.worker("well"):
            meanwhile = submit(Ring(toy_id="bell", note=1))
            eventually(lambda: is_done(meanwhile.id), SECONDS, saying="done elsewhere")
        proxy.turn(Mode.PASS)
        afterwards = submit(Ring(toy_id="bell", note=2))
        measured("it consumes again", lambda: is_done(afterwards.id), CONSUMES)

        assert took(hung, afterwards.id)


def test_a_worker_whose_broker_is_silent_ends_when_it_is_asked_to(hanging: TestFleet) -> None:
    with (
        wire(hanging.redis_url.removeprefix("unix://")) as proxy,
        hanging.worker("hung", REDIS_URL=broker_through(proxy)) as hung,
        hanging.client() as redis,
    ):
        before = connections(redis)
        proxy.turn(Mode.BLACK_HOLE)
        eventually(lambda: connections(redis) > before + 1, SECONDS, saying="it asks for others")
        hung.terminate()

        began = time.monotonic()
        hung.wait(ENDED + MARGIN)
        print(f"ended in {time.monotonic() - began:.1f} s; promised: {ENDED:g} s")


def connections(redis: Redis) -> int:
    """Return how many connections the broker was ever asked for."""
    told: Any = redis.info("stats")
    return int(told["total_connections_received"])
