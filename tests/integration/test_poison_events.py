"""Poison events on real workers: a stream is set aside and made good, a projection halts aloud."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from domain.event import Event
from domain.users import UserCreated
from store.checkpoints import Checkpoint, all_checkpoints
from store.codec import RawEvent
from store.engine import Role
from store.event_store import Expected
from tests.fleets import DOMAIN, TestFleet, a_fleet, connected
from tests.integration.flasks import IGNORED, STOMACH, UNLUCKY, Sipped
from tests.integration.lent import lent
from tests.integration.scraping import metrics, scraped
from tests.integration.screens import Told, running
from tests.polling import eventually
from workers.app import app
from workers.embedded import Servers
from workers.fleet import fleet

SECONDS = 60
BOARD = "flask_board"
WITH_BOARD = f"{DOMAIN},tests.integration.flasks,tests.integration.{BOARD}"
ROWS = f"select flask_id, sips, drops from fleetlog_read_models.{BOARD} order by flask_id"
PARKED = """
select e.aggregate_id, e.sequence_number from fleetlog.parked_events p
join fleetlog.events e on e.global_sequence = p.global_sequence order by p.global_sequence
"""
HALTED = "fleetlog_projection_halted{"
MELTED = RawEvent(event_type="Melted", data={})


@pytest.fixture
def flasks(running: Servers) -> Iterator[TestFleet]:
    """A fleet whose processes have a board of flasks; this one knows nothing of it."""
    with lent(running) as database, a_fleet(database, FLEETLOG_DOMAIN=WITH_BOARD) as made:
        stomach = made.home / "stomach"
        stomach.touch()
        with connected(made.environment):
            yield TestFleet(
                database, made.redis_url, made.home, {**made.settings, STOMACH: str(stomach)}
            )


def append(flask: str, *events: int | Event | RawEvent) -> int:
    """Append to a flask what was sipped, or something else; returns the last position."""
    facts = [Sipped(drop=event) if isinstance(event, int) else event for event in events]
    appended = fleet.store.append_events(flask, Expected.ANY, facts, aggregate_type="Flask")
    return appended.positions[-1]


def checkpoint(name: str = BOARD) -> Checkpoint | None:
    with fleet.database.connect(Role.READER) as connection:
        return next((c for c in all_checkpoints(connection) if c.projection_name == name), None)


def advanced(position: int, name: str = BOARD) -> None:
    """Wake the projection, and wait until a worker has brought it to this position."""
    app.send_task("projections.advance", (name,))

    def is_there() -> bool:
        found = checkpoint(name)
        return found is not None and found.last_global_sequence == position

    eventually(is_there, SECONDS)


def halted() -> Checkpoint:
    """Wake the board, and wait until it has halted."""
    app.send_task("projections.advance", (BOARD,))

    def has_halted() -> Checkpoint | None:
        found = checkpoint()
        return found if found and found.status == "halted" else None

    found = eventually(has_halted, SECONDS)
    assert found
    return found


def asked(flasks: TestFleet, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(flasks.database.admin_url, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def from_scratch() -> list[tuple[str, int, str]]:
    """Return what the board should show: every drop of every flask, in order."""
    drops = defaultdict(list)
    for event in fleet.store.get_all_events(limit=1000):
        if event.event_type == "Sipped":
            drops[event.aggregate_id].append(event.payload["drop"])
    return [(id, len(d), "".join(f" {one}" for one in d)) for id, d in sorted(drops.items())]


def fleetlog(flasks: TestFleet, *arguments: str) -> Told:
    """Run the command line in a process of its own: this one has no such projection."""
    with running(*arguments, environment=flasks.environment) as process:
        out, err = process.communicate(timeout=SECONDS)
    return Told(process.returncode, out, err)


def test_a_stream_with_poison_waits_in_order_and_its_retry_equals_the_fold(
    flasks: TestFleet,
) -> None:
    with flasks.worker():
        append("a", 1, UNLUCKY, 2)
        append("b", 1, 2)
        append("c", UNLUCKY)
        append("a", UNLUCKY, 3)
        advanced(append("b", 3))
        rows, parked = asked(flasks, ROWS), asked(flasks, PARKED)
        in_vain = fleetlog(flasks, "retry", "--projection", BOARD)
        advanced(append("a", 4))
        still_parked = asked(flasks, PARKED)
        Path(flasks.environment[STOMACH]).unlink()  # today's code can take it
        retried = fleetlog(flasks, "retry", "--projection", BOARD)
        made_good = (asked(flasks, ROWS), asked(flasks, PARKED))
        expected = from_scratch()
        advanced(append("a", UNLUCKY, 5))
    found = checkpoint()

    assert rows == [("a", 1, " 1"), ("b", 3, " 1 2 3")]
    assert parked == [("a", 2), ("a", 3), ("c", 1), ("a", 4), ("a", 5)]
    assert in_vain.status == 1
    assert "this does not agree with me" in in_vain.out
    assert still_parked == [*parked, ("a", 6)]
    assert retried.status == 0, retried.out + retried.err
    assert made_good == (expected, [])
    assert asked(flasks, ROWS) == from_scratch()
    assert found
    assert found.status == "running"


def test_an_event_no_class_knows_halts_its_projection_aloud_and_no_other(
    flasks: TestFleet,
) -> None:
    with flasks.worker() as worker, metrics(flasks) as url:
        append("a", 1)
        melted = append("a", MELTED)
        append("b", 2)
        created = UserCreated(user_id="u", username="ada", email="ada@example.org")
        last = fleet.store.append_events("u", 0, [created]).positions[-1]
        first, again = halted(), halted()
        advanced(last, "user_directory")
        said, rows = worker.output, asked(flasks, ROWS)
        told = fleetlog(flasks, "status")
        halts = eventually(lambda: [line for line in scraped(url) if HALTED in line], SECONDS)

    assert first.last_global_sequence == again.last_global_sequence == melted - 1
    assert first.error
    assert f"no class here knows Flask event 'Melted' version 1 at position {melted}" in first.error
    assert [line for line in said.splitlines() if "projection halted" in line and BOARD in line]
    assert "'Melted'" in said
    assert rows == [("a", 1, " 1")]
    assert asked(flasks, PARKED) == []
    assert told.status == 1
    assert BOARD in told.out + told.err
    assert f'{HALTED}projection="{BOARD}"}} 1.0' in halts
    assert f'{HALTED}projection="user_directory"}} 0.0' in halts


def test_a_halted_projection_goes_on_in_a_worker_that_may_ignore_the_event(
    flasks: TestFleet,
) -> None:
    append("a", 1)
    append("a", MELTED)
    last = append("b", 2)
    with flasks.worker():
        stuck = halted().last_global_sequence
    with flasks.worker("two", **{IGNORED: "Melted"}):
        advanced(last)
    found = checkpoint()

    assert stuck == 1
    assert found
    assert (found.status, found.error) == ("running", None)
    assert asked(flasks, ROWS) == from_scratch() == [("a", 1, " 1"), ("b", 1, " 2")]
