"""Replaying: a projection folded up to some moment into tables of its own, beside everything."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg
from sqlalchemy import Table

from store.checkpoints import Checkpoint
from store.engine import Connection, Database, Role
from store.errors import ReplayTargetError
from store.folding import PoisonError
from store.parking import BEHIND, Parked
from store.projection import LONGEST_TABLE, Projection
from store.projector import Projector
from store.read_model_tables import transaction
from store.recorded import RecordedEvent
from store.renaming import renamed
from store.retry import refuses_row

EXISTS = """
select obj_description(oid, 'pg_class') from pg_class
where relnamespace = 'fleetlog_read_models'::regnamespace and relname = %b
"""


@dataclass
class Replayed:
    """What a replay came to: events folded, and what it had to leave out, as a live one parks."""

    position: int
    events: int = 0
    parked: list[Parked] = field(default_factory=list)

    @property
    def streams_left_out(self) -> set[str]:
        return {one.event.aggregate_id for one in self.parked}


class Replay:
    """One projection, its target tables, and the way from position 0 to `until`."""

    def __init__(
        self, database: Database, projection: Projection, into: str, *, batch_size: int
    ) -> None:
        self.database = database
        self.projection = projection
        self.tables = target_tables(projection, into)
        self._projector = Projector(database, projection, batch_size=batch_size, tables=self.tables)

    def create(self, *, replace: bool) -> None:
        """Make the target tables; raises ReplayTargetError for a name that is taken."""
        with transaction(self.database) as connection:
            for table in self.tables.values():
                refuse_taken(self.database, table.name, replace=replace)
                table.drop(connection, checkfirst=True)
                table.create(connection)

    def drop(self) -> None:
        with transaction(self.database) as connection:
            for table in self.tables.values():
                table.drop(connection, checkfirst=True)

    def run(self, until: int, told: Callable[[Replayed], None]) -> Replayed:
        """
        Fold everything up to `until`; `told` hears after each batch how far it is.

        Raises UnknownEventError or PoisonError where the projection would halt.
        """
        done = Replayed(0)
        with self.database.connect(Role.PROJECTOR) as connection:
            while done.position < until:
                at = imagined(self.projection, done.position)
                page = self._projector.page(connection, at, until)
                done.parked += self._fold(connection, page.events, done.streams_left_out)
                done.events += len(page.events)
                done.position = page.end
                told(done)
        return done

    def _fold(
        self, connection: Connection, events: Sequence[RecordedEvent], left_out: set[str]
    ) -> list[Parked]:
        try:
            with connection.transaction():
                return self._projector.apply(connection, events, left_out)
        except psycopg.DatabaseError as error:
            if not refuses_row(error):
                raise
            return self._fold_alone(connection, events, left_out)

    def _fold_alone(
        self, connection: Connection, events: Sequence[RecordedEvent], left_out: set[str]
    ) -> list[Parked]:
        """A table refused some row: find which by taking the events one by one."""
        parked: list[Parked] = []
        waiting = set(left_out)
        for event in events:
            if event.aggregate_id in waiting:
                parked.append(Parked(event, BEHIND))
                continue
            try:
                with connection.transaction():
                    self._projector.apply_one(connection, event)
            except PoisonError as error:
                parked.append(Parked(event, str(error)))
            except psycopg.DatabaseError as error:
                if not refuses_row(error):
                    raise
                parked.append(Parked(event, str(error.diag.message_primary)))
            if parked and parked[-1].event is event:
                if not self.projection.parks:
                    raise PoisonError(event, parked[-1].error)
                waiting.add(event.aggregate_id)
        return parked


def target_tables(projection: Projection, into: str) -> Mapping[type, Table]:
    """Return copies of the projection's tables: one is called `into`, several begin with it."""
    alone = len(projection.tables) == 1
    names = {row: into if alone else f"{into}_{t.name}" for row, t in projection.tables.items()}
    return {
        row: renamed(table, names[row], f"__{into}") for row, table in projection.tables.items()
    }


def refuse_taken(database: Database, name: str, *, replace: bool) -> None:
    if len(name) > LONGEST_TABLE:
        raise ReplayTargetError(name, f"is longer than {LONGEST_TABLE} characters")
    with database.connect(Role.READER) as connection:
        row = connection.execute(EXISTS, (name,)).fetchone()
    if row is None:
        return
    if row[0] is not None:
        raise ReplayTargetError(name, f"is a table {row[0]}; choose another name")
    if not replace:
        raise ReplayTargetError(name, "is there already; choose another name, or give --replace")


def imagined(projection: Projection, position: int) -> Checkpoint:
    """Return a checkpoint that is nowhere but here."""
    return Checkpoint(
        projection_name=projection.name,
        last_global_sequence=position,
        epoch=0,
        generation=0,
        version=projection.version,
        status="running",
        owner=None,
        error=None,
        last_updated=datetime.now(UTC),
        projection=projection.name,
        standing="live",
        partition=0,
        partitions=1,
        held=False,
    )
