"""How long it takes until work goes on: each deadline here is a promise."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from store.event_store import Expected
from store.read_model_tables import prepare
from tests.acceptance.fleet import Fleet, Process, write_commands
from tests.acceptance.orders import order_commands
from tests.acceptance.slow_shelf import HERE, PLACE, WAIT, SlowShelf
from tests.polling import eventually
from tests.toys import PLACE as FAULTS
from tests.toys import Rang

DOMAIN = "domain.users,domain.orders,store.read_models,tests.toys,tests.acceptance.slow_shelf"
VISIBILITY = int(os.environ.get("TIMES_VISIBILITY", "20"))  # 90 is what we ship
RESUMED = VISIBILITY + 10.0
TAKEN_OVER = 15.0
RECOVERED = 60.0
DONE = "commands where status = 'done'"
IN_HAND = "pg_locks where locktype = 'advisory' and granted and classid::bigint >> 16 = 17751"
PLACE_OF_SHELF = (
    "projection_checkpoints where projection_name = 'toy_shelf' and last_global_sequence"
)


@pytest.fixture
def toys(fleet: Fleet, tmp_path: Path) -> Path:
    """Have the fleet play with toys; lends the folder of their faults."""
    fleet.env |= {"FLEETLOG_DOMAIN": DOMAIN, FAULTS: str(tmp_path), PLACE: str(tmp_path)}
    return tmp_path


def test_a_killed_workers_command_resumes_soon_after_the_visibility_timeout(
    fleet: Fleet, toys: Path
) -> None:
    """No beat is here, so no relay: the broker alone gives the message to another worker."""
    limits = {
        "FLEETLOG_VISIBILITY_TIMEOUT_SECONDS": str(VISIBILITY),
        "FLEETLOG_TASK_TIME_LIMIT_SECONDS": str(VISIBILITY - 5),
    }
    workers = [fleet.worker(name, **limits) for name in ("one", "two")]
    (toys / "bell").write_text("wait")
    submitted = fleet.cli("submit", "Ring", "toy_id=bell", "note=1", "--json")
    assert submitted.returncode == 0, submitted.stderr
    received = f"Ring[{json.loads(submitted.stdout)['command_id']}] received"
    eventually(lambda: fleet.count(IN_HAND), 30)
    (victim,) = [worker for worker in workers if worker.says(received)]

    victim.kill_family()
    killed = time.monotonic()
    (toys / "bell").unlink()
    measured("a killed worker's command resumed", lambda: fleet.count(DONE), killed, RESUMED)

    assert [event.event for event in fleet.store.load_events("bell")] == [Rang(note=1)]


def test_a_dead_holders_projection_is_taken_over_within_fifteen_seconds(
    fleet: Fleet, toys: Path
) -> None:
    """With the lease and the tick that we ship."""
    prepare(fleet.database, [SlowShelf()])
    fleet.beat()
    workers = [fleet.worker(name) for name in ("one", "two")]
    (toys / WAIT).touch()
    events = [Rang(note=note) for note in (1, 2, 3)]
    fleet.store.append_events("bell", Expected.NO_STREAM, events, aggregate_type="Toy")
    holder = int(eventually(lambda: written(toys / HERE), 30))
    (victim,) = [worker for worker in workers if holder in family(worker)]

    victim.kill_family()
    killed = time.monotonic()
    (toys / WAIT).unlink()
    there = f"{PLACE_OF_SHELF} >= 3"
    measured("a projection was taken over", lambda: fleet.count(there), killed, TAKEN_OVER)

    assert fleet.rows("select rung, note from toy_shelf") == [(3, 3)]


def test_a_minute_after_the_broker_forgot_everything_all_commands_are_done(
    fleet: Fleet, tmp_path: Path
) -> None:
    """With the patience of the relay that we ship."""
    del fleet.env["FLEETLOG_RELAY_AFTER_SECONDS"]
    commands = order_commands(100)
    path = write_commands(tmp_path / "commands.jsonl", commands)
    fleet.beat()
    submitted = fleet.cli("submit", "--file", str(path))
    assert submitted.returncode == 0, submitted.stderr
    assert fleet.redis.llen("commands")

    fleet.redis.flushall()
    flushed = time.monotonic()
    fleet.worker("one")
    assert fleet.count(DONE) == 0
    forgotten = "what the broker forgot was done"
    measured(forgotten, lambda: fleet.count(DONE) == len(commands), flushed, RECOVERED)

    assert fleet.count("events") == len(commands)


def measured(what: str, condition: Callable[[], object], since: float, promised: float) -> None:
    """Wait for what is promised so many seconds after an instant, and say how many it took."""
    eventually(condition, since + promised - time.monotonic(), saying=what)
    print(f"{what} after {time.monotonic() - since:.1f} s; promised: {promised:g} s")


def written(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def family(process: Process) -> set[int]:
    members = [psutil.Process(process.pid)]
    return {member.pid for member in members + members[0].children(recursive=True)}
