"""What holds for readers of the global order holds for projections: they fold every event once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

import pytest
from sqlalchemy import Table

from store import checkpoints
from store.engine import Database
from store.projection import Key, Projection, Rows
from store.projector import Projector
from store.read_model_tables import prepare
from store.recorded import RecordedEvent
from tests.conftest import TestDatabase
from tests.integration.order_check import Poller, Reader, Seen
from tests.integration.order_stage import Stage, stage
from tests.integration.test_global_order import SCHEDULES, Schedule


class Witness(Projection):
    """A projection that only remembers what it was given to fold."""

    name = "witness"
    version = 1
    aggregate_types = frozenset({"Load"})
    tables: ClassVar[Mapping[type, Table]] = {}

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def keys(self, event: RecordedEvent) -> Iterable[Key]:  # noqa: ARG002 - it has no rows
        return ()

    def evolve(self, rows: Rows, event: RecordedEvent) -> Rows:  # noqa: ARG002 - likewise
        self.seen.append(Seen(event.global_sequence, event.aggregate_id, event.sequence_number))
        return {}


def projecting_reader(database: Database) -> Reader:
    """Read through a projection, whose checkpoint says where it goes on."""
    witness = Witness()
    prepare(database, [witness])
    projector = Projector(database, witness, batch_size=1000)
    taken = [checkpoints.take_over(database, witness.name, "a test")]

    def read(_: int) -> list[Seen]:
        before = len(witness.seen)
        taken.append(projector.advance(taken[-1]).checkpoint)
        return witness.seen[before:]

    return read


@pytest.fixture
def stage_of_a_projection(fresh: TestDatabase, database: Database) -> Iterator[Stage]:
    with stage(fresh.admin_url, Poller(projecting_reader(database))) as ready:
        yield ready


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.__name__)
def test_a_projection_misses_nothing_on_the_unluckiest_schedule(
    stage_of_a_projection: Stage, schedule: Schedule
) -> None:
    schedule(stage_of_a_projection)

    assert not stage_of_a_projection.faults()
    assert len(stage_of_a_projection.poller.seen) > 1
