"""How long it takes until work goes on: each deadline here is a promise."""

import json
import time
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
VISIBILITY = 20
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
    left = killed + RESUMED - time.monotonic()
    eventually(lambda: fleet.count(DONE), left, saying="the command of the killed worker")

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
    left = killed + TAKEN_OVER - time.monotonic()
    eventually(lambda: fleet.count(f"{PLACE_OF_SHELF} >= 3"), left, saying="the projection")

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
    left = flushed + RECOVERED - time.monotonic()
    forgotten = "commands that the broker forgot"
    eventually(lambda: fleet.count(DONE) == len(commands), left, saying=forgotten)

    assert fleet.count("events") == len(commands)


def written(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def family(process: Process) -> set[int]:
    members = [psutil.Process(process.pid)]
    return {member.pid for member in members + members[0].children(recursive=True)}
