"""The beat for production: two of them, one ticks, and a flushed broker ends neither."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from store.projection import projections
from tests.conftest import TestDatabase
from tests.fleets import TestFleet
from tests.polling import eventually
from tests.processes import Process, started
from workers.embedded.valkey import Valkey
from workers.tasks import CROWD

SECONDS = 60
LOCK, SCHEDULE = "redbeat::lock", "redbeat::schedule"
TICKS = "projections"


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A broker that a test may kill."""
    made = Valkey(tmp_path)
    made.start(durable=False)
    yield made
    made.stop()


@pytest.fixture
def fleet(valkey: Valkey, fresh: TestDatabase, tmp_path: Path) -> TestFleet:
    brisk = {"FLEETLOG_LOCK_LEASE_SECONDS": "3", "FLEETLOG_ADVANCE_BUDGET_SECONDS": "1"}
    return TestFleet(fresh, f"unix://{valkey.socket}", tmp_path, brisk)


@pytest.fixture
def broker(fleet: TestFleet) -> Iterator[Redis]:
    with fleet.client() as client:
        yield client


@contextmanager
def a_beat(fleet: TestFleet, name: str) -> Iterator[Process]:
    arguments = ("-m", "celery", "-A", "workers.app", "beat", "--pidfile=")
    with started(
        *(*arguments, "-S", "workers.beat:Scheduler"),
        environment=fleet.environment,
        log=fleet.home / f"{name}.log",
        ready="beat v",
    ) as process:
        yield process


@pytest.fixture
def beats(fleet: TestFleet) -> Iterator[tuple[Process, Process]]:
    """Two beats, of which the first ticks."""
    with a_beat(fleet, "first") as first:
        first.wait_for("this beat ticks now")
        with a_beat(fleet, "second") as second:
            yield first, second


def ticks_go_on(broker: Redis) -> bool:
    """Whether a beat sends: what was sent so far is taken away first."""
    broker.delete(TICKS)
    eventually(lambda: broker.llen(TICKS), SECONDS, saying="nobody ticks")
    return True


def turns(process: Process) -> int:
    return process.output.count("this beat ticks now")


def test_of_two_beats_one_ticks_and_the_other_takes_over_when_it_is_killed(
    beats: tuple[Process, Process], broker: Redis
) -> None:
    first, second = beats
    ticks_go_on(broker)
    before = turns(second)
    first.kill()

    assert ticks_go_on(broker)
    eventually(lambda: turns(second) == 1, SECONDS)
    assert before == 0


def test_a_flushed_broker_gets_its_schedule_back_and_no_beat_ends(
    beats: tuple[Process, Process], broker: Redis
) -> None:
    for _ in range(3):
        broker.flushall()
        eventually(lambda: broker.exists(SCHEDULE) and broker.exists(LOCK), SECONDS)
        assert ticks_go_on(broker)

    assert all(process.is_alive for process in beats)


def test_a_schedule_that_is_gone_without_the_lock_is_built_again(
    beats: tuple[Process, Process], broker: Redis
) -> None:
    broker.delete(SCHEDULE)

    assert ticks_go_on(broker)
    assert all(process.is_alive for process in beats)


def test_a_beat_that_slept_past_its_lock_stands_by(
    beats: tuple[Process, Process], broker: Redis
) -> None:
    first, second = beats
    first.pause()
    eventually(lambda: turns(second), SECONDS)
    held = broker.get(LOCK)
    first.resume()
    first.wait_for("standing by", SECONDS)

    assert broker.get(LOCK) == held
    assert ticks_go_on(broker)
    assert turns(first) == 1


def stop(valkey: Valkey) -> None:
    valkey.stop()


def crash(valkey: Valkey) -> None:
    pid = int(valkey.daemon.pid_file.read_text())
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not valkey.ready(), SECONDS)


@pytest.mark.parametrize("end", [stop, crash])
def test_beats_outlive_a_broker_that_is_away_for_a_while(
    beats: tuple[Process, Process], broker: Redis, valkey: Valkey, end: Callable[[Valkey], None]
) -> None:
    end(valkey)
    for process in beats:
        process.wait_for("broker out of reach", SECONDS)
    valkey.start(durable=False)

    assert ticks_go_on(broker)
    assert all(process.is_alive for process in beats)


def test_ticks_that_nobody_takes_do_not_pile_up_without_end(
    beats: tuple[Process, Process], broker: Redis
) -> None:
    broker.delete(TICKS, "maintenance")
    broker.lpush(TICKS, *CROWD * ["a message"])
    eventually(lambda: broker.llen("maintenance") >= 2, SECONDS, saying="nobody ticks")
    crowded = broker.llen(TICKS)
    broker.delete(TICKS)

    assert CROWD <= crowded <= CROWD + len(list(projections()))  # a tick was on its way
    assert ticks_go_on(broker)
