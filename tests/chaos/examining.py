"""Once all is healed: quiet, ask again, quiet, and let the checker look at everything."""

import json
from collections import Counter
from collections.abc import Mapping

import msgspec
from redis import Redis

from store.engine import Database
from tests.chaos.breaking import take_stock
from tests.chaos.checker import check
from tests.chaos.checks.answers import all_heard
from tests.chaos.evidence import Evidence
from tests.chaos.fleet import WORKERS
from tests.chaos.history import AGAIN, read
from tests.chaos.letters import Breaks, Poured, judge
from tests.chaos.load import Load
from tests.chaos.plan import seeded
from tests.chaos.report import UNKNOWN, Report
from tests.chaos.settle import quiet
from tests.chaos.stage import POISON, Stage
from workers.settings import sqlalchemy_url

QUIET_SECONDS = 180.0
ENDS = """
select case when status = 'rejected' then 'refused'
            when status = 'parked' and aggregate_id like '{}%' then 'parked as poison'
            else status end, count(*)
from fleetlog.commands group by 1
"""
PRINTED = ("done", "refused", "parked", "parked as poison", "cancelled", "accepted")


def examine(stage: Stage, load: Load, seed: int, report: Report) -> None:
    """Fill in the report what the run has come to."""
    database = Database(sqlalchemy_url(stage.servers.database_url))
    try:
        with stage.servers.redis() as redis:
            report.findings += calm(database, redis)
            take_stock(stage, load)
            report.trouble += load.ask_again()
            report.findings += calm(database)
            stage.fleet.stop_beats()
            report.findings += calm(database, redis)  # the last tick that the beats have sent
            report.trouble += load.stop_reader()
            evidence = Evidence(
                database=database,
                redis=redis,
                entries=read(load.folder),
                seen=load.reader_log,
                random=seeded(seed),
                was_asked_again=True,
            )
            report.findings += check(evidence)
            count(stage, load, evidence, report)
    finally:
        database.dispose()


def calm(database: Database, redis: Redis | None = None) -> list[str]:
    """Wait until all work is done; returns what is not, when it took too long."""
    try:
        quiet(database, redis, QUIET_SECONDS)
    except AssertionError as error:
        return [f"not quiet after {QUIET_SECONDS:g} s: {error}"]
    return []


def count(stage: Stage, load: Load, evidence: Evidence, report: Report) -> None:
    """Judge what was malformed, and count how everything ended."""
    poured = msgspec.convert(json.loads(load.poured_log.read_text()), Poured)
    judged = judge(evidence, poured, Breaks(stage.losses, on_the_way(stage.bitten)))
    report.findings += judged.found
    report.strikes = stage.servers.strikes
    before = all_heard(entry for entry in evidence.entries if entry.client != AGAIN)
    statuses = Counter(dict(evidence.rows(ENDS.format(POISON))))
    report.ends = {
        **{name: statuses[name] for name in PRINTED},
        UNKNOWN: sum(heard.is_open for heard in before.values()),
        "malformed messages lost with the broker": judged.lost,
        "gone between broker and worker": len(judged.gone),
    }


def on_the_way(bitten: Mapping[str, int]) -> int:
    """Return how many messages can have been in nobody's hands when what held them broke."""
    wires = sum(bitten.get(name, 0) for name in ("cut broker", "lose broker", "kill broker"))
    return len(WORKERS) * wires + bitten.get("kill worker", 0) + bitten.get("kill parent", 0)
