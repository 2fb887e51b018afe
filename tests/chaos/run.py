"""One run: start, load, faults, heal, quiet, check."""

import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from psycopg import sql

from tests.chaos.breaking import break_things
from tests.chaos.examining import examine
from tests.chaos.fleet import ChaosFleet
from tests.chaos.load import Load
from tests.chaos.plan import Goals, seeded
from tests.chaos.proxy import Mode
from tests.chaos.report import Report
from tests.chaos.servers import ChaosServers
from tests.chaos.stage import LEASE_SECONDS, VISIBILITY_SECONDS, Stage
from tests.fleets import DOMAIN
from tests.toys import PLACE
from workers.embedded.postgres import LOGIN_ROLE

PLAIN_BEATS = 0.5  # the share of runs in which one beat knows of no other
SETTINGS = {
    "FLEETLOG_DOMAIN": f"{DOMAIN},tests.chaos.shelf,tests.hostile.boxes",
    "FLEETLOG_VISIBILITY_TIMEOUT_SECONDS": str(VISIBILITY_SECONDS),
    "FLEETLOG_TASK_TIME_LIMIT_SECONDS": "15",
    "FLEETLOG_LOCK_LEASE_SECONDS": str(LEASE_SECONDS),
    "FLEETLOG_ADVANCE_BUDGET_SECONDS": "1",
    "FLEETLOG_RELAY_AFTER_SECONDS": "3",
    "FLEETLOG_CONCURRENCY": "2",
    # Test servers run without fsync: no machine loses its power here.
    "FLEETLOG_ALLOW_UNSAFE": "fsync",
    "CHECKPOINT_INTERVAL_MS": "500",
    "SNAPSHOT_EVERY": "20",
}


def run(goals: Goals, seed: int, folder: Path, say: Callable[[str], None] = print) -> Report:
    """Run once in `folder`, where history and logs stay; the seed decides what happens."""
    report = Report(goals.name, seed)
    say(report.head)
    began = time.monotonic()
    with ExitStack() as stack:
        stage, environment = set_up(stack, folder, seed)
        stage.fleet.wait_until_ready()
        load = Load(folder, environment, seed, goals)
        stack.callback(load.close)
        say("the fleet is up")
        report.tally, report.bitten = stage.tally, stage.bitten
        report.restarts = stage.fleet.restarts
        report.trouble += break_things(goals, seed, stage, load)
        try:
            heal(stage)
            report.trouble += load.stop_clients()
            say("healed; waiting until all is quiet")
            examine(stage, load, seed, report)
        except Exception:  # noqa: BLE001 - whatever it is, what was found before must be told
            report.trouble.append(traceback.format_exc())
    report.missed = goals.missed(report.tally, report.bitten)
    report.seconds = time.monotonic() - began
    return report


def set_up(stack: ExitStack, folder: Path, seed: int) -> tuple[Stage, dict[str, str]]:
    servers = ChaosServers(folder)
    stack.callback(servers.stop)
    toy_faults = folder / "faults"
    toy_faults.mkdir()
    environment = {
        **SETTINGS,
        **servers.environment,
        "FLEETLOG_HOME": str(folder),
        PLACE: str(toy_faults),
    }
    plain = seeded(seed, "beats").random() < PLAIN_BEATS
    fleet = ChaosFleet(folder, environment, plain_beat=plain)
    stack.callback(fleet.stop)
    return Stage(servers, fleet, toy_faults), environment


def heal(stage: Stage) -> None:
    """Undo whatever the end of the run has left undone."""
    servers = stage.servers
    for wire in (servers.database_wire, servers.broker_wire):
        wire.disarm()
        wire.turn(Mode.PASS)
    stage.fleet.resume_all()
    stage.fleet.stop_plain_beat()
    for fault in stage.toy_faults.iterdir():
        fault.unlink()
    servers.start_postgres()
    servers.start_valkey()
    with servers.admin() as connection:
        role = sql.Identifier(LOGIN_ROLE)
        connection.execute(sql.SQL("alter role {} reset all").format(role))
