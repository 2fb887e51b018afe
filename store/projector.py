"""Advancing one projection: a batch is a few statements, rows and checkpoint in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Table

from store import checkpoints
from store.checkpoints import Checkpoint
from store.engine import Connection, Database, Role
from store.errors import UnknownEventError
from store.event_store import read_safe_position
from store.folding import PoisonError, fold, keys_of
from store.pages import Page, page_query
from store.parking import Parked, park, parked_among
from store.projection import Key, Projection
from store.recorded import RecordedEvent
from store.retry import refuses_row, retrying
from store.rows import RowStore


@dataclass(frozen=True)
class Advanced:
    """Where a batch led: `caught_up` when nothing final was left to read."""

    checkpoint: Checkpoint
    events: int
    safe_position: int
    caught_up: bool


class Projector:
    """Folds one projection forward, as long as the checkpoint's epoch is ours."""

    def __init__(
        self,
        database: Database,
        projection: Projection,
        *,
        batch_size: int,
        tables: Mapping[type, Table] | None = None,
    ) -> None:
        """`tables` are those of another generation than the live one."""
        self.database = database
        self.projection = projection
        self._batch_size = self._size = batch_size
        places = projection.tables if tables is None else tables
        self.tables = {row: RowStore(row, table) for row, table in places.items()}

    def advance(self, checkpoint: Checkpoint, until: int | None = None) -> Advanced:
        """
        Fold one batch, not beyond position `until`, and move the checkpoint with it.

        Raises FencedError when another writer took over, UnknownEventError or PoisonError when
        an event halts the projection; what stands before that event is folded first.
        """
        return retrying(lambda: self._advance(checkpoint, until))

    def _advance(self, checkpoint: Checkpoint, until: int | None) -> Advanced:
        with self.database.connect(Role.PROJECTOR) as connection:
            page = self.page(connection, checkpoint, until)
            if page.end <= checkpoint.last_global_sequence:
                settled = self._settle(connection, checkpoint, page.end)
                return Advanced(settled, 0, page.safe, caught_up=True)
            return self._fold(connection, checkpoint, page)

    def _fold(self, connection: Connection, checkpoint: Checkpoint, page: Page) -> Advanced:
        try:
            moved = self._batch(connection, checkpoint, page)
        except (UnknownEventError, PoisonError) as error:
            return self._fold(connection, checkpoint, page.before_halt(error))
        except psycopg.DatabaseError as error:
            if not refuses_row(error):
                raise
            return self._bisect(connection, checkpoint, page, error)
        self._size = min(self._batch_size, self._size * 2)
        return Advanced(moved, len(page.events), page.safe, page.is_last)

    def page(self, connection: Connection, checkpoint: Checkpoint, until: int | None) -> Page:
        """Read what comes next, up to the safe position, which is asked for first."""
        safe = read_safe_position(connection)
        safe = safe if until is None else min(safe, until)
        query, parameters = page_query(self.projection, checkpoint, safe, self._size)
        rows = connection.execute(query, parameters, binary=True)
        events = [RecordedEvent(*row) for row in rows.fetchall()]
        full = len(events) == self._size
        return Page(events, events[-1].global_sequence if full else safe, safe, is_last=not full)

    def _batch(self, connection: Connection, checkpoint: Checkpoint, page: Page) -> Checkpoint:
        runs = page.is_last or checkpoint.status == "halted"
        status = "running" if runs else checkpoint.status
        with connection.transaction():
            moved = checkpoints.move(connection, checkpoint, page.end, status=status)
            waiting = self._parked(connection, checkpoint, page.events)
            parked = self.apply(connection, page.events, waiting)
            park(connection, checkpoint.projection_name, parked)
        return moved

    def apply_one(self, connection: Connection, event: RecordedEvent) -> None:
        """Fold one event, within a transaction that holds the checkpoint; raises PoisonError."""
        for parked in self.apply(connection, [event], set()):
            raise PoisonError(event, parked.error)

    def apply(
        self, connection: Connection, events: Sequence[RecordedEvent], parked_streams: set[str]
    ) -> list[Parked]:
        """Fold events into the rows likewise; returns those to be set aside."""
        rows: dict[Key, Any] = {}
        for row, keys in by_table(keys_of(self.projection, events)).items():
            rows |= self.tables[row].load(connection, keys)
        folded = fold(self.projection, rows, events, parked_streams)
        for row, changes in by_table(folded.changed).items():
            self.tables[row].write(connection, [(key, folded.rows[key]) for key in changes])
        return folded.parked

    def _parked(
        self, connection: Connection, checkpoint: Checkpoint, events: Sequence[RecordedEvent]
    ) -> set[str]:
        if not self.projection.parks or not events:
            return set()
        ids = list({event.aggregate_id for event in events})
        return parked_among(connection, checkpoint.projection_name, ids)

    def _settle(self, connection: Connection, checkpoint: Checkpoint, end: int) -> Checkpoint:
        """Nothing to read: what was rebuilding or halted runs again."""
        if checkpoint.status == "running" or end < checkpoint.last_global_sequence:
            return checkpoint
        return checkpoints.move(connection, checkpoint, end, status="running")

    def _bisect(
        self,
        connection: Connection,
        checkpoint: Checkpoint,
        page: Page,
        error: psycopg.DatabaseError,
    ) -> Advanced:
        """
        A table refused a row: halve the batch until one event is left, and set that aside.

        Batches grow again by doubling once one has passed.
        """
        if len(page.events) > 1:
            self._size = max(1, len(page.events) // 2)
            return Advanced(checkpoint, 0, page.safe, caught_up=False)
        (event,) = page.events
        reason = str(error.diag.message_primary or error)
        if not self.projection.parks:
            raise PoisonError(event, reason) from error
        with connection.transaction():
            moved = checkpoints.move(connection, checkpoint, page.end)
            park(connection, checkpoint.projection_name, [Parked(event, reason)])
        self._size = min(self._batch_size, 2)
        return Advanced(moved, 1, page.safe, caught_up=False)


def by_table(keys: Any) -> dict[type, list[Key]]:
    """Group keys by the row class they begin with."""
    grouped: dict[type, list[Key]] = {}
    for key in keys:
        grouped.setdefault(key[0], []).append(key)
    return grouped
