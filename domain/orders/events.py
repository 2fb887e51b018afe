"""What can happen to an order."""

from decimal import Decimal
from typing import TypeAlias

from domain.event import Event


class OrderPlaced(Event):
    order_id: str
    items: tuple[str, ...]
    total: Decimal


class PaymentProcessed(Event, words="Order {id} was paid"):
    amount: Decimal


class OrderShipped(Event):
    packages: tuple[str, ...]


OrderEvent: TypeAlias = OrderPlaced | PaymentProcessed | OrderShipped
