"""The order board: one row for each order, for people who ask "where is my order?"."""

from datetime import datetime
from decimal import Decimal
from typing import assert_never, cast

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import DateTime, Integer, Numeric, String, Table
from sqlalchemy.orm import Mapped, mapped_column

from domain.orders import OrderEvent, OrderPlaced, OrderShipped, PaymentProcessed
from store.projection import RowProjection
from store.read_models.mapped import ReadModel
from store.recorded import RecordedEvent


class OrderRow(ReadModel):
    """`select(OrderRow)`: the board as applications read it."""

    __tablename__ = "order_read_model"

    order_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    total: Mapped[Decimal] = mapped_column(Numeric)
    items: Mapped[int] = mapped_column(Integer)
    paid: Mapped[Decimal | None] = mapped_column(Numeric)
    packages: Mapped[int | None] = mapped_column(Integer)
    placed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    paid_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    shipped_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class OrderEntry(Struct, frozen=True, gc=False):
    """The same row as the fold sees it; `items` and `packages` are counts."""

    order_id: str
    total: Decimal
    items: int
    paid: Decimal | None
    packages: int | None
    placed_at: datetime
    paid_at: datetime | None
    shipped_at: datetime | None


class OrderBoard(RowProjection[OrderEntry], name="order_board"):
    row = OrderEntry
    table = cast("Table", OrderRow.__table__)
    aggregate_types = frozenset({"Order"})

    def evolve_row(self, row: OrderEntry | None, event: RecordedEvent) -> OrderEntry | None:
        at = event.timestamp
        fact = cast("OrderEvent", event.event)
        if isinstance(fact, OrderPlaced):
            return OrderEntry(
                event.aggregate_id, fact.total, len(fact.items), None, None, at, None, None
            )
        if row is None:
            raise LookupError(f"order {event.aggregate_id} changed before it was placed")
        match fact:
            case PaymentProcessed(amount=amount):
                return replace(row, paid=amount, paid_at=at)
            case OrderShipped(packages=packages):
                return replace(row, packages=len(packages), shipped_at=at)
            case _:
                assert_never(fact)
