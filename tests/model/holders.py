"""Those who would write a projection, and how things may happen while one of them is at it."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

import psycopg

from store.checkpoints import Checkpoint
from store.engine import Connection, Database
from store.pages import Page
from store.projector import Projector
from tests.integration.shelves import TRACES
from tests.toy_shelf import ToyShelf
from workers.lock import Extend

EMPTY = (
    "alter table fleetlog.events disable trigger events_no_truncate",
    "truncate fleetlog.events, fleetlog.parked_events, fleetlog.projection_checkpoints",
    "drop table if exists fleetlog_read_models.toy_shelf",
    "alter table fleetlog.events enable always trigger events_no_truncate",
)
CHECKPOINT = "select last_global_sequence, epoch from fleetlog.projection_checkpoints"
PARKED = (
    "select aggregate_id, array_agg(global_sequence order by global_sequence) "
    "from fleetlog.parked_events group by 1"
)


class InterruptedProjector(Projector):
    """Between reading a batch and writing it, something may happen elsewhere, once."""

    meanwhile: Callable[[], None] | None = None

    def page(self, connection: Connection, checkpoint: Checkpoint, until: int | None) -> Page:
        page = super().page(connection, checkpoint, until)
        happening, self.meanwhile = self.meanwhile, None
        if happening is not None:
            happening()
        return page


@dataclass
class Holder:
    """A process: what it believes about the checkpoint and the lock, true or not."""

    name: str
    projector: InterruptedProjector
    checkpoint: Checkpoint | None = None
    outdated: list[Checkpoint] = field(default_factory=list)
    block: ExitStack | None = None
    extend: Extend | None = None

    def stands(self, checkpoint: Checkpoint) -> None:
        if self.checkpoint is not None:
            self.outdated.append(self.checkpoint)
        self.checkpoint = checkpoint

    def leave(self) -> None:
        if self.block is not None:
            self.block.close()
            self.block = self.extend = None


def holder(database: Database, name: str, batch_size: int) -> Holder:
    return Holder(name, InterruptedProjector(database, ToyShelf(), batch_size=batch_size))


class Onlooker:
    """A superuser's view of the database, which no mistake of the store can colour."""

    def __init__(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        self._connection = connection

    def empty(self) -> None:
        """Forget what earlier examples left; the positions go on."""
        with self._connection.transaction():
            for statement in EMPTY:
                self._connection.execute(statement.encode())

    def checkpoint(self) -> tuple[object, ...]:
        [found] = self._connection.execute(CHECKPOINT).fetchall()
        return found

    def parked(self) -> dict[str, list[int]]:
        rows: list[tuple[str, list[int]]] = self._connection.execute(PARKED).fetchall()  # type: ignore[assignment]
        return dict(rows)

    def traces(self) -> list[tuple[object, ...]]:
        """Return all that a writer could have changed, with the transactions that did it."""
        return [row for query in TRACES for row in self._connection.execute(query.encode())]
