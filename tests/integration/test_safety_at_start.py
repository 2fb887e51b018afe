"""Every process looks before it starts, and says in a sentence why it does not."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest

from tests.fleets import READY, TestFleet, connected
from tests.integration.guarded import altered, configured, guarded_fleet
from tests.integration.screens import told
from tests.polling import eventually
from tests.processes import Process, started

ALLOW = "FLEETLOG_ALLOW_UNSAFE"
CELERY = ("-m", "celery", "-A", "workers.app")
PROCESSES = {
    "worker": (*CELERY, "worker", "--without-mingle"),
    "beat": (*CELERY, "beat"),
    "production_beat": (*CELERY, "beat", "-S", "workers.beat:Scheduler"),
    "up": ("-m", "workers.cli", "up", "--no-dashboard", "--concurrency", "1"),
}
STARTED = {
    "worker": READY,
    "beat": "beat v",  # which it says before it looks
    "production_beat": "this beat ticks now",
    "up": "Ctrl-C stops everything",
}
FORGETFUL = "sessions of fleetlog_app have synchronous_commit off"
EVICTING = "the broker's maxmemory-policy is allkeys-lru"
BOTH = "synchronous_commit,eviction"


@pytest.fixture(scope="module")
def guarded() -> Iterator[TestFleet]:
    with TemporaryDirectory(prefix="fleetlog-") as place, guarded_fleet(Path(place)) as made:
        yield made


@pytest.fixture
def unsafe(guarded: TestFleet) -> Iterator[TestFleet]:
    """A database and a broker that each are unsafe in one way."""
    setting = "alter role fleetlog_app {} synchronous_commit"
    do, undo = f"{setting.format('set')} = off", setting.format("reset")
    with (
        altered(guarded.database, do, undo),
        guarded.client() as redis,
        configured(redis, maxmemory_policy="allkeys-lru"),
    ):
        yield guarded


def process(name: str, fleet: TestFleet, allowed: str = "") -> AbstractContextManager[Process]:
    log = fleet.home / f"{name}-{uuid4().hex}.log"
    return started(*PROCESSES[name], environment={**fleet.environment, ALLOW: allowed}, log=log)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_ends_with_a_sentence_for_each_finding(unsafe: TestFleet, name: str) -> None:
    with process(name, unsafe) as refused:
        status = refused.wait(60)
        said = refused.output

    assert status == 1
    assert STARTED[name] not in said or name == "beat"
    for words, hazard in ((FORGETFUL, "synchronous_commit"), (EVICTING, "eviction")):
        (sentence,) = [line for line in said.splitlines() if words in line]
        assert sentence.endswith(f"to accept that: {ALLOW}={hazard}")
    assert "Traceback" not in said


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_says_once_what_it_was_allowed(unsafe: TestFleet, name: str) -> None:
    with process(name, unsafe, BOTH) as allowed:
        allowed.wait_for(STARTED[name], 60)
        allowed.wait_for(EVICTING, 60)
        said = allowed.output

        assert allowed.is_alive
    assert said.count(f"{ALLOW} allows it: synchronous_commit") == 1
    assert said.count(f"{ALLOW} allows it: eviction") == 1
    assert said.count(FORGETFUL) == said.count(EVICTING) == 1


def test_the_status_tells_what_is_unsafe_and_what_is_allowed(unsafe: TestFleet) -> None:
    with connected(unsafe.environment):
        refused, told_of = told("status"), told("status", "--json").json
    with connected({**unsafe.environment, ALLOW: BOTH}):
        allowed = told("status", "--json").json

    assert refused.status == 1
    assert f"✗ {FORGETFUL}" in refused.err
    assert f"✗ {EVICTING}" in refused.err
    assert [FORGETFUL in told_of["problems"][0], EVICTING in told_of["problems"][1]] == [True, True]
    assert [problem for problem in allowed["problems"] if ALLOW in problem] == []
    assert [said.partition(f" ({ALLOW}")[1] != "" for said in allowed["warnings"]] == [True, True]


def test_a_worker_waits_for_a_broker_that_is_away(guarded: TestFleet, tmp_path: Path) -> None:
    away = {**guarded.environment, "REDIS_URL": f"unix://{tmp_path}/nobody.sock"}
    with started(*PROCESSES["worker"], environment=away, log=tmp_path / "log") as waiting:
        waiting.wait_for("the broker was not checked, because it is out of reach", 60)
        waiting.wait_for("Trying again in", 60)

        assert waiting.is_alive


def test_a_beat_needs_no_database(guarded: TestFleet, tmp_path: Path) -> None:
    away = {**guarded.environment, "DATABASE_URL": f"postgresql://ada@/db?host={tmp_path}"}
    arguments = PROCESSES["production_beat"]
    with started(*arguments, environment=away, log=tmp_path / "log") as beat:
        beat.wait_for("the database was not checked, it is out of reach", 60)
        beat.wait_for(STARTED["production_beat"], 60)


def test_what_nobody_allowed_starts_once_it_is_repaired(guarded: TestFleet) -> None:
    with process("worker", guarded) as worker:
        eventually(lambda: READY in worker.output, 60)

        assert ALLOW not in worker.output
