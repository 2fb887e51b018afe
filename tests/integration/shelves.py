"""The shelf of toys at work: one projection, advanced by hand, and looked at from outside."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
import sqlalchemy as sa

from domain.event import Event
from store import checkpoints
from store.checkpoints import Checkpoint
from store.codec import RawEvent
from store.engine import Database, Role
from store.event_store import EventStore, Expected
from store.parking import ParkedStream, parked_streams
from store.projector import Advanced, Projector
from store.read_model_tables import prepare
from store.recorded import RecordedEvent
from tests.conftest import TestDatabase
from tests.toy_shelf import ToyEntry, ToyShelf, shelf
from tests.toys import Labelled, Rang

PARKED = (
    "select global_sequence, error from fleetlog.parked_events "
    "where projection_name = 'toy_shelf' order by 1"
)
TRACES = (
    "select s.xmin::text, s.* from fleetlog_read_models.toy_shelf s order by toy_id",
    "select c.xmin::text, c.* from fleetlog.projection_checkpoints c order by projection_name",
    "select p.xmin::text, p.* from fleetlog.parked_events p order by global_sequence",
)
OWNER = "a test"


@dataclass
class Shelf:
    """A projection in its database; every call of `turn` makes us its writer."""

    database: Database
    projection: ToyShelf
    batch_size: int = 1000

    def __post_init__(self) -> None:
        prepare(self.database, [self.projection])
        self.store = EventStore(self.database)
        self.projector = Projector(self.database, self.projection, batch_size=self.batch_size)

    def append(self, toy_id: str, *events: Event | RawEvent) -> int:
        """Append to a stream, whatever its version; returns the last position."""
        appended = self.store.append_events(toy_id, Expected.ANY, events, aggregate_type="Toy")
        return appended.positions[-1]

    def turn(self) -> Checkpoint:
        return checkpoints.take_over(self.database, "toy_shelf", OWNER)

    def catch_up(self) -> Advanced:
        """Fold batch after batch until nothing is left, like a worker whose turn it is."""
        advanced = self.projector.advance(self.turn())
        while not advanced.caught_up:
            advanced = self.projector.advance(advanced.checkpoint)
        return advanced

    def rows(self) -> dict[str, ToyEntry]:
        with self.database.engine(Role.READER).connect() as connection:
            return {row.toy_id: ToyEntry(*row) for row in connection.execute(sa.select(shelf))}

    def checkpoint(self) -> Checkpoint:
        with self.database.connect(Role.READER) as connection:
            found = checkpoints.all_checkpoints(connection)
        return next(one for one in found if one.projection_name == "toy_shelf")

    @property
    def position(self) -> int:
        return self.checkpoint().last_global_sequence

    def traces(self, fresh: TestDatabase) -> list[tuple[object, ...]]:
        """Return all that a writer could have changed, with the transactions that did it."""
        with psycopg.connect(fresh.admin_url, autocommit=True) as connection:
            return [row for query in TRACES for row in connection.execute(query.encode())]

    def parked(self) -> list[ParkedStream]:
        with self.database.connect(Role.READER) as connection:
            return parked_streams(connection, "toy_shelf")

    def parked_events(self, fresh: TestDatabase) -> list[tuple[int, str]]:
        with psycopg.connect(fresh.admin_url, autocommit=True) as connection:
            return connection.execute(PARKED.encode()).fetchall()

    def from_scratch(self) -> dict[str, ToyEntry]:
        """Return what the rows should be: a fold of all events, one by one, in memory."""
        return folded(self.projection, self.store.get_all_events(limit=100_000))


def folded(projection: ToyShelf, events: Sequence[RecordedEvent]) -> dict[str, ToyEntry]:
    rows: dict[str, ToyEntry] = {}
    for event in events:
        if projection.reads(event.aggregate_type):
            row = projection.evolve_row(rows.get(event.aggregate_id), event)
            assert row is not None
            rows[event.aggregate_id] = row
    return rows


def rang(*notes: int) -> list[Rang]:
    return [Rang(note=note) for note in notes]


def labelled(text: str) -> Labelled:
    return Labelled(text=text)
