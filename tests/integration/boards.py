"""An order board to be rebuilt, on the fleet that this process is connected to."""

from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from domain.orders import OrderPlaced, OrderShipped
from store import checkpoints
from store.checkpoints import Checkpoint
from store.engine import Role
from store.event_store import Expected
from store.projection import projections
from store.read_model_tables import prepare
from workers.fleet import fleet
from workers.projecting import advance, named

NAME = "order_board"
ORDERS = 30


def fill_board() -> None:
    """Place thirty orders and fold them; one more event waits."""
    prepare(fleet.database, projections())
    for number in range(ORDERS):
        id = f"order-{number}"
        placed = OrderPlaced(order_id=id, items=("a", "b"), total=Decimal("1.50"))
        fleet.store.append_events(id, Expected.NO_STREAM, [placed])
    advance(NAME)
    fleet.store.append_events("order-0", Expected.ANY, [OrderShipped(packages=("p",))])


def rows() -> list[tuple[Any, ...]]:
    (source,) = named(NAME).tables.values()
    with fleet.database.engine(Role.READER).connect() as connection:
        return [tuple(row) for row in connection.execute(sa.select(source).order_by(sa.text("1")))]


def readers(standing: str = "live") -> list[Checkpoint]:
    with fleet.database.connect(Role.READER) as connection:
        return checkpoints.readers(connection, NAME, standing)
