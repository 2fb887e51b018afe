"""The shelf of toys with a second generation beside it, built and swapped by hand."""

from dataclasses import dataclass

import psycopg

from store import checkpoints, generations
from store.checkpoints import Checkpoint
from store.engine import Role
from store.generations import tables_of
from store.projector import Projector
from store.swapping import Swapped, swap
from tests.conftest import TestDatabase
from tests.integration.shelves import OWNER, Shelf

MODELS = "fleetlog_read_models"


@dataclass
class Generations(Shelf):
    """Like a shelf; `turn` and `catch_up` go on to be about the live generation."""

    def readers(self, standing: str = "live") -> list[Checkpoint]:
        with self.database.connect(Role.READER) as connection:
            return checkpoints.readers(connection, "toy_shelf", standing)

    def begin(self, *, shares: int = 1) -> list[Checkpoint]:
        return generations.begin(self.database, self.projection, shares=shares)

    def build(self, *, until: int | None = None) -> None:
        """Bring every reader of the next generation to the end, or to a position."""
        for reader in self.readers("next"):
            self.bring(reader, until=until)

    def bring(self, reader: Checkpoint, *, until: int | None = None) -> Checkpoint:
        projector = self.projector_of(reader)
        at = checkpoints.take_over(self.database, reader.projection_name, OWNER)
        while True:
            advanced = projector.advance(at, until=until)
            at = advanced.checkpoint
            if advanced.caught_up:
                return at

    def projector_of(self, reader: Checkpoint) -> Projector:
        tables = tables_of(self.projection, reader.table_suffix)
        return Projector(self.database, self.projection, batch_size=self.batch_size, tables=tables)

    def swap(self, standing: str = "next") -> Swapped:
        return swap(self.database, self.projection, standing=standing)

    def rebuilt(self, *, shares: int = 1) -> Swapped:
        self.begin(shares=shares)
        self.build(until=max(self.position, self.store.safe_position()))
        self.catch_up()
        return self.swap()

    @property
    def position(self) -> int:
        return max(one.last_global_sequence for one in self.readers())


def as_admin(fresh: TestDatabase, *statements: str) -> None:
    with psycopg.connect(fresh.admin_url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def asked(fresh: TestDatabase, query: str) -> list[object]:
    with psycopg.connect(fresh.admin_url, autocommit=True) as connection:
        return [value for (value,) in connection.execute(query.encode())]
