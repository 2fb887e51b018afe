"""A release that folds events in another way: older snapshots are worth nothing to it."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.conftest import TestDatabase
from tests.processes import ROOT
from workers.settings import sqlalchemy_url

COUNTERS = """
from domain.aggregate import Aggregate
from domain.command import Command
from domain.event import Event

class Counted(Event):
    by: int

class Count(Command):
    counter_id: str
    by: int

class Counter(Aggregate[Counted, Count], id="counter_id"):
    total: int = 0

    def execute(self, command: Count) -> None:
        self.record(Counted(by=command.by))

    def apply(self, event: Counted) -> None:
        self.total += event.by
"""
CHANGED = COUNTERS.replace("self.total += event.by", "self.total += 10 * event.by")
# Count to six and keep a snapshot, unless that has been done; say what is loaded, and what is so.
RUN = """
import sys
from counters import Count, Counter
from store import snapshots
from store.engine import Database, Role
from store.repository import Repository

database = Database(sys.argv[1])
repository = Repository(database)
counter = repository.load(Counter, "a")
if counter.version == 0:
    for by in (1, 2, 3):
        counter.execute(Count(counter_id="a", by=by))
    repository.save(counter)
    with database.connect(Role.PROJECTOR) as connection:
        snapshots.save(connection, counter)
print(repository.load(Counter, "a").total, repository.load_at(Counter, "a").total)
"""
SPOIL = """update fleetlog.snapshots set state = '{"total": 5}'"""


@pytest.mark.parametrize("code", [COUNTERS, CHANGED], ids=["the_same", "changed"])
def test_a_snapshot_is_trusted_by_the_code_that_made_it_and_by_no_other(
    fresh: TestDatabase, tmp_path: Path, code: str
) -> None:
    released(fresh, tmp_path / "before", COUNTERS)
    with psycopg.connect(fresh.admin_url, autocommit=True) as connection:
        assert connection.execute(SPOIL).rowcount == 1  # to tell it from a full fold

    expected = (5, 6) if code is COUNTERS else (60, 60)
    assert released(fresh, tmp_path / "after", code) == expected


def test_a_changed_apply_folds_from_the_start_and_trusts_no_older_snapshot(
    fresh: TestDatabase, tmp_path: Path
) -> None:
    before = released(fresh, tmp_path / "before", COUNTERS)
    after = released(fresh, tmp_path / "after", CHANGED)
    back_again = released(fresh, tmp_path / "again", COUNTERS)

    assert [before, after, back_again] == [(6, 6), (60, 60), (6, 6)]


def released(fresh: TestDatabase, place: Path, code: str) -> tuple[int, int]:
    """Run a process of a release with this code; returns what it loads and what it folds."""
    place.mkdir()
    (place / "counters.py").write_text(code)
    said = subprocess.run(
        [sys.executable, "-c", RUN, sqlalchemy_url(fresh.url)],
        cwd=ROOT,
        env={"PYTHONPATH": f"{place}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    loaded, folded = said.stdout.split()
    return int(loaded), int(folded)
