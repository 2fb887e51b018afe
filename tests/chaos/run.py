"""One run: start, load, faults, heal, quiet, check."""

import json
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

from psycopg import sql
from redis import Redis

from store.engine import Database, Role
from tests.chaos.checker import Evidence, check
from tests.chaos.faults import Lane
from tests.chaos.faults.commits import count
from tests.chaos.fleet import ChaosFleet
from tests.chaos.history import read
from tests.chaos.load import Load
from tests.chaos.plan import Goals, further, pause, plan, seeded
from tests.chaos.proxy import Mode
from tests.chaos.report import Report
from tests.chaos.servers import ChaosServers
from tests.chaos.settle import quiet
from tests.chaos.stage import LEASE_SECONDS, VISIBILITY_SECONDS, Deed, Stage
from tests.fleets import DOMAIN
from tests.toys import PLACE
from workers.embedded.postgres import LOGIN_ROLE
from workers.settings import sqlalchemy_url

LOOK_SECONDS = 1.0
QUIET_SECONDS = 180.0
DONE = (
    "select command_id from fleetlog.commands "
    "where command_id = any (%s::uuid[]) and status = 'done'"
)
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
        stage, environment = set_up(stack, folder)
        stage.fleet.wait_until_ready()
        load = Load(folder, environment, seed, goals)
        stack.callback(load.close)
        say("the fleet is up")
        report.tally, report.restarts = stage.tally, stage.fleet.restarts
        report.trouble += break_things(goals, seed, stage, load)
        try:
            heal(stage)
            report.trouble += load.stop_clients()
            say("healed; waiting until all is quiet")
            examine(stage, load, seed, report)
        except Exception:  # noqa: BLE001 - whatever it is, what was found before must be told
            report.trouble.append(traceback.format_exc())
    report.missed = goals.missed(report.tally)
    report.seconds = time.monotonic() - began
    return report


def set_up(stack: ExitStack, folder: Path) -> tuple[Stage, dict[str, str]]:
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
    fleet = ChaosFleet(folder, environment)
    stack.callback(fleet.stop)
    return Stage(servers, fleet, toy_faults), environment


def break_things(goals: Goals, seed: int, stage: Stage, load: Load) -> list[str]:
    """Let every lane work off its plan, side by side; returns what went wrong with that."""
    trouble: list[str] = []
    planned = plan(goals, seeded(seed))
    busy = set(Lane)

    def work_off(lane: Lane) -> None:
        own = seeded(seed, lane.name)
        waiting = list(reversed(planned[lane]))
        while not stage.over.is_set():
            stage.wait(pause(goals, planned[lane], own))
            if not waiting:
                busy.discard(lane)
            if stage.over.is_set():
                return
            fault = waiting.pop() if waiting else further(lane, goals, stage.tally, own)
            try:
                fault.inject(stage, own)
            except Exception:  # noqa: BLE001 - a fault that failed must be told, not end the lane
                trouble.append(f"{fault.name}: {traceback.format_exc()}")

    lanes = [Thread(target=work_off, args=[lane]) for lane in Lane]
    for thread in lanes:
        thread.start()
    wait_for_goals(goals, stage, load, busy)
    stage.over.set()
    for thread in lanes:
        thread.join()
    return trouble


def wait_for_goals(goals: Goals, stage: Stage, load: Load, busy: set[Lane]) -> None:
    began = time.monotonic()
    while (passed := time.monotonic() - began) < goals.longest:
        time.sleep(LOOK_SECONDS)
        if passed >= goals.seconds and not busy:
            take_stock(stage, load)
            if not goals.missed(stage.tally):
                return


def take_stock(stage: Stage, load: Load) -> None:
    entries = read(load.folder)
    stage.tally[Deed.COMMAND] = sum(entry.kind == "invoke" for entry in entries)
    if load.poured_log.exists():
        stage.tally[Deed.MALFORMED] = json.loads(load.poured_log.read_text())["poured"]
    count(stage)


def heal(stage: Stage) -> None:
    """Undo whatever the end of the run has left undone."""
    servers = stage.servers
    for wire in (servers.database_wire, servers.broker_wire):
        wire.disarm()
        wire.turn(Mode.PASS)
    stage.fleet.resume_all()
    for fault in stage.toy_faults.iterdir():
        fault.unlink()
    servers.start_postgres()
    servers.start_valkey()
    with servers.admin() as connection:
        role = sql.Identifier(LOGIN_ROLE)
        connection.execute(sql.SQL("alter role {} reset all").format(role))


def calm(stage: Stage, database: Database, redis: Redis) -> list[str]:
    """Wait until all work is done, and until the last tick is gone that the beats have sent."""
    try:
        quiet(database, redis, QUIET_SECONDS)
        stage.fleet.stop_beats()
        quiet(database, redis, QUIET_SECONDS)
    except AssertionError as error:
        return [f"not quiet after {QUIET_SECONDS:g} s: {error}"]
    return []


def examine(stage: Stage, load: Load, seed: int, report: Report) -> None:
    """Once all is quiet, let the checker look at everything."""
    database = Database(sqlalchemy_url(stage.servers.database_url))
    try:
        with stage.servers.redis() as redis:
            report.findings += calm(stage, database, redis)
            report.trouble += load.stop_reader()
            take_stock(stage, load)
            evidence = Evidence(
                database=database,
                redis=redis,
                entries=read(load.folder),
                seen=load.reader_log,
                random=seeded(seed),
            )
            report.findings += [*check(evidence), *let_in(load, database)]
    finally:
        database.dispose()


def let_in(load: Load, database: Database) -> list[str]:
    """Return what was malformed and has had an effect."""
    told = json.loads(load.poured_log.read_text())
    with database.connect(Role.READER) as connection:
        done = connection.execute(DONE, [told["sent"]]).fetchall()
    return [*told["found"], *(f"malformed command {id} was done" for (id,) in done)]
