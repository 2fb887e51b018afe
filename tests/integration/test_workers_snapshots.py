"""Snapshots as the fleet takes them: of streams that crossed a multiple, and none forgotten."""

from collections.abc import Iterator

import psycopg
import pytest
from kombu.exceptions import OperationalError

from store.event_store import Expected
from tests.fleets import TestFleet, connected
from tests.integration.order_load import facts
from tests.integration.shelves import rang
from tests.polling import eventually
from tests.toys import Ring, Toy
from workers import snapshotting
from workers.app import app
from workers.fleet import fleet
from workers.submitting import submit

TEN = {"SNAPSHOT_EVERY": "10"}
TAKEN = "select aggregate_id, version from fleetlog.snapshots order by 1"
QUEUE = "maintenance"


@pytest.fixture
def small(idle: TestFleet) -> Iterator[TestFleet]:
    """A fleet without workers in which streams are long at ten."""
    with connected({**idle.environment, **TEN}):
        yield idle


def append(stream: str, count: int, *, aggregate_type: str = "Toy") -> None:
    events = rang(*range(count)) if aggregate_type == "Toy" else facts(count)
    fleet.store.append_events(stream, Expected.ANY, events, aggregate_type=aggregate_type)


def taken(made: TestFleet) -> dict[str, int]:
    with psycopg.connect(made.database.admin_url, autocommit=True) as connection:
        return dict(connection.execute(TAKEN).fetchall())


def sent(made: TestFleet) -> int:
    with made.client() as redis:
        return int(redis.llen(QUEUE))


def test_streams_that_crossed_a_multiple_are_noticed_and_the_others_not(small: TestFleet) -> None:
    for stream, count in {"a": 9, "b": 10, "c": 25, "d": 1}.items():
        append(stream, count)
    append("imported", 30, aggregate_type="Permit")
    started = [snapshotting.notice(), snapshotting.notice()]
    append("a", 2)
    started.append(snapshotting.notice())

    assert started == [2, 0, 1]
    assert sent(small) == 3


def test_a_stream_is_noticed_however_far_one_append_carries_it(small: TestFleet) -> None:
    for _ in range(3):
        append("a", 7)
        append("b", 3)
    started = snapshotting.notice()

    assert started == 1


def test_what_a_lost_broker_was_to_be_told_is_told_again(small: TestFleet) -> None:
    append("a", 10)
    nobody = {"REDIS_URL": "unix:///nobody/listens.sock"}
    with connected({**small.environment, **TEN, **nobody}), pytest.raises(OperationalError):
        snapshotting.notice()

    assert snapshotting.notice() == 1


def test_a_snapshot_is_of_the_aggregate_as_it_is_now(small: TestFleet) -> None:
    append("a", 12)
    version = snapshotting.take("Toy", "a")
    loaded = fleet.repository.load(Toy, "a")

    assert version == 12
    assert taken(small) == {"a": 12}
    assert loaded.notes == tuple(range(12))


def test_no_snapshot_is_taken_of_what_no_class_claims(small: TestFleet) -> None:
    append("imported", 10, aggregate_type="Permit")

    assert snapshotting.take("Permit", "imported") is None
    assert taken(small) == {}


def test_a_worker_takes_the_snapshots_that_were_noticed(worked: TestFleet, toy: str) -> None:
    append(toy, 250)
    app.send_task("snapshots.notice")
    eventually(lambda: taken(worked).get(toy) == 250, 20)
    result = submit(Ring(toy_id=toy, note=7)).get(timeout=20)

    assert result["version"] == 251
    assert fleet.repository.load(Toy, toy).rung == 251
