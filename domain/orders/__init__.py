"""Orders: everything outside this package imports it from here."""

from domain.orders.commands import OrderCommand, PlaceOrder, ProcessPayment, ShipOrder
from domain.orders.events import OrderEvent, OrderPlaced, OrderShipped, PaymentProcessed
from domain.orders.order import (
    Order,
    OrderAlreadyPaidError,
    OrderAlreadyPlacedError,
    OrderAlreadyShippedError,
    OrderNotFoundError,
)

__all__ = [
    "Order",
    "OrderAlreadyPaidError",
    "OrderAlreadyPlacedError",
    "OrderAlreadyShippedError",
    "OrderCommand",
    "OrderEvent",
    "OrderNotFoundError",
    "OrderPlaced",
    "OrderShipped",
    "PaymentProcessed",
    "PlaceOrder",
    "ProcessPayment",
    "ShipOrder",
]
