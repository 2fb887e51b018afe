"""Order figures: what was ordered by the day, and how long orders wait to be paid and shipped."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Context, Decimal, Inexact
from typing import assert_never, cast

from sqlalchemy import BigInteger, Column, Date, DateTime, Numeric, String, Table
from sqlalchemy.orm import Mapped, mapped_column

from domain.orders import OrderEvent, OrderPlaced, OrderShipped, PaymentProcessed
from store.business_time import happened_at
from store.projection import Key, Order, Projection, Rows, read_models
from store.read_models.analytics.buckets import NAMES, bucket_of, seconds
from store.read_models.mapped import ReadModel
from store.recorded import RecordedEvent

# As many digits as PostgreSQL's numeric has: what it can store is summed up to the last of them.
EXACT = Context(prec=131_072 + 16_383, traps=[Inexact])
PAID, SHIPPED = "paid", "shipped"


class OrderValueRow(ReadModel):
    """`select(OrderValueRow)`: orders placed on a day, and their exact total."""

    __tablename__ = "analytics_order_values"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    orders: Mapped[int] = mapped_column(BigInteger)
    value: Mapped[Decimal] = mapped_column(Numeric)


class OrderTimeRow(ReadModel):
    """`select(OrderTimeRow)`: from placed to `step`, how many orders took up to `within`."""

    __tablename__ = "analytics_order_times"

    step: Mapped[str] = mapped_column(String(10), primary_key=True)
    within: Mapped[str] = mapped_column(String(20), primary_key=True)
    orders: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[Decimal] = mapped_column(Numeric)


order_steps = Table(
    "analytics_order_steps",
    read_models,
    Column("order_id", String(255), primary_key=True),
    Column("placed_at", DateTime(timezone=True), nullable=False),
    Column("paid_at", DateTime(timezone=True)),
    Column("shipped_at", DateTime(timezone=True)),
)


@dataclass(frozen=True, slots=True)
class OrderValue:
    day: date
    orders: int
    value: Decimal


@dataclass(frozen=True, slots=True)
class OrderTime:
    step: str
    within: str
    orders: int
    seconds: Decimal


@dataclass(frozen=True, slots=True)
class OrderSteps:
    """A helper: when an order was placed, paid and shipped."""

    order_id: str
    placed_at: datetime
    paid_at: datetime | None = None
    shipped_at: datetime | None = None


class OrderFigures(Projection, name="order_figures"):
    """
    It commutes: an order's own steps come in the order of its stream, and what they add to the
    sums of all orders is the same whichever order comes first. A step counts once, its first time.
    """

    order = Order.COMMUTES
    aggregate_types = frozenset({"Order"})
    reads_metadata = True
    tables = {  # noqa: RUF012 - a class variable
        OrderValue: cast("Table", OrderValueRow.__table__),
        OrderTime: cast("Table", OrderTimeRow.__table__),
        OrderSteps: order_steps,
    }

    def keys(self, event: RecordedEvent) -> Iterator[Key]:
        yield (OrderSteps, event.aggregate_id)
        match cast("OrderEvent", event.event):
            case OrderPlaced():
                yield (OrderValue, happened_at(event).date())
            case PaymentProcessed():
                yield from times(PAID)
            case OrderShipped():
                yield from times(SHIPPED)
            case fact:
                assert_never(fact)

    def evolve(self, rows: Rows, event: RecordedEvent) -> Rows:
        key, at = (OrderSteps, event.aggregate_id), happened_at(event)
        steps = rows.get(key)
        fact = cast("OrderEvent", event.event)
        if isinstance(fact, OrderPlaced):
            placed = OrderSteps(event.aggregate_id, at)
            return {} if steps else {key: placed, **one_more_placed(rows, at.date(), fact.total)}
        if steps is None:
            raise LookupError(f"order {event.aggregate_id} changed before it was placed")
        match fact:
            case PaymentProcessed():
                if steps.paid_at is not None:
                    return {}
                return {key: replace(steps, paid_at=at), **one_more_step(rows, PAID, steps, at)}
            case OrderShipped():
                if steps.shipped_at is not None:
                    return {}
                shipped = replace(steps, shipped_at=at)
                return {key: shipped, **one_more_step(rows, SHIPPED, steps, at)}
            case _:
                assert_never(fact)


def times(step: str) -> Iterator[Key]:
    """Return all rows of a step: which of them it will be, only the helper row can say."""
    return ((OrderTime, step, name) for name in NAMES)


def one_more_placed(rows: Rows, day: date, total: Decimal) -> Rows:
    key = (OrderValue, day)
    before = rows.get(key) or OrderValue(day, 0, Decimal())
    return {key: OrderValue(day, before.orders + 1, EXACT.add(before.value, total))}


def one_more_step(rows: Rows, step: str, order: OrderSteps, at: datetime) -> Rows:
    took = at - order.placed_at
    key = (OrderTime, step, bucket_of(took))
    before = rows.get(key) or OrderTime(*key[1:], orders=0, seconds=Decimal())
    added = EXACT.add(before.seconds, seconds(took))
    return {key: replace(before, orders=before.orders + 1, seconds=added)}
