"""What can happen to an order."""

from decimal import Decimal
from typing import TypeAlias

from domain.event import Event
from domain.upcasting import Data, upcaster


class OrderPlaced(Event, version=2):
    order_id: str
    items: tuple[str, ...]
    total: Decimal
    customer_id: str | None = None


class PaymentProcessed(Event, words="Order {id} was paid"):
    amount: Decimal


class OrderShipped(Event):
    packages: tuple[str, ...]


OrderEvent: TypeAlias = OrderPlaced | PaymentProcessed | OrderShipped


@upcaster(OrderPlaced, from_version=1)
def ordered_by_nobody_we_know(data: Data) -> Data:
    """Version 1 knew no customer."""
    return {**data, "customer_id": None}
