"""catch_up: how fast does the user directory fold a long past, beside a fold written by hand?"""

import time
from importlib.util import find_spec

import click
from psycopg import sql

from benchmarks import raw_fold
from benchmarks.harness import Answers, Contender, Effort, Pairing, Result, compare, timed
from benchmarks.history import Past, write
from benchmarks.stage import stage
from store.engine import Connection, Database
from store.projection import Projection
from store.projector import Projector
from store.read_model_tables import prepare, restart
from store.read_models.user_directory import UserDirectory

EVENTS, QUICKLY = 100_000, 20_000
BATCH = 1000
FLOOR = 0.6
RIVAL_FLOOR = 50.0
PROJECTOR, RAW, RIVAL = "Projector", "raw psycopg", "pyeventsourcing"
MISSING = (
    "catch_up: not held against pyeventsourcing; for that: .venv/bin/pip install -e '.[bench]'"
)
DIFFERENCE = sql.SQL("""
(table fleetlog_read_models.user_read_model except table {other}) union all
(table {other} except table fleetlog_read_models.user_read_model) limit 1
""")


class DifferentRowsError(Exception):
    """The two folds do not agree, so their speeds cannot be compared."""


def ask(effort: Effort) -> Answers:
    """Yield the ratio of both folds over the same events; both must end with the same rows."""
    events = QUICKLY if effort.quick else EVENTS
    directory = UserDirectory()
    with stage() as servers, servers.database() as database, servers.owner() as bare:
        write(bare, Past().mixed(events))
        prepare(database, [directory])
        bare.execute(raw_fold.TABLES)
        contenders = {
            PROJECTOR: timed(lambda: fold_all(database, directory)),
            RAW: timed(lambda: raw_fold.fold_all(bare, BATCH)),
        }
        pairings = [Pairing(PROJECTOR, RAW, FLOOR)]
        case = f"user directory, {events:,} events"
        yield from compare(
            *("catch_up", case, "events"),
            contenders=contenders,
            pairings=pairings,
            effort=effort.for_long_rounds,
        )
        require_same_rows(bare, "bare")
        if find_spec("eventsourcing") is None:
            click.echo(MISSING, err=True)
        else:
            yield beside_rival(case, contenders[PROJECTOR], bare, servers.owner_url)


def beside_rival(case: str, ours: Contender, bare: Connection, url: str) -> Result:
    """
    Return the ratio to pyeventsourcing's runner over the same events and rows.

    It takes minutes, so it runs once, between two runs of ours, and no longer than two of them.
    """
    from benchmarks import rival  # noqa: PLC0415 - it may not be installed

    past = rival.copy_past(bare, url)
    before, begun = ours(), time.perf_counter()
    events = rival.catch_up(bare, url)
    theirs = events / (time.perf_counter() - begun)
    after = ours()
    if events == past:
        require_same_rows(bare, "rival")
    return Result(
        question="catch_up",
        case=f"{case}, {events:,} of them by it",
        unit="events",
        ours=PROJECTOR,
        other=RIVAL,
        ours_rate=(before + after) / 2,
        other_rate=theirs,
        ratio=(before + after) / 2 / theirs,
        ratios=(before / theirs, after / theirs),
        floor=RIVAL_FLOOR,
    )


def fold_all(database: Database, projection: Projection) -> int:
    """Fold every event as the worker does, from an empty table; returns how many."""
    checkpoint = restart(database, projection, "benchmarks")
    projector = Projector(database, projection, batch_size=BATCH)
    folded, caught_up = 0, False
    while not caught_up:
        advanced = projector.advance(checkpoint)
        checkpoint, caught_up = advanced.checkpoint, advanced.caught_up
        folded += advanced.events
    return folded


def require_same_rows(bare: Connection, schema: str) -> None:
    other = sql.Identifier(schema, "user_read_model")
    difference = bare.execute(DIFFERENCE.format(other=other)).fetchone()
    if difference is not None:
        raise DifferentRowsError(f"only one of the two folds has the row {difference}")
