"""An order: placed, then paid and shipped in either order, neither of them twice."""

from dataclasses import dataclass
from decimal import Decimal
from typing import assert_never

from domain.aggregate import Aggregate
from domain.errors import DomainError
from domain.orders.commands import OrderCommand, PlaceOrder, ProcessPayment, ShipOrder
from domain.orders.events import OrderEvent, OrderPlaced, OrderShipped, PaymentProcessed


@dataclass(eq=False)
class OrderAlreadyPlacedError(DomainError):
    order_id: str

    def __str__(self) -> str:
        return f"order {self.order_id} is placed already"


@dataclass(eq=False)
class OrderNotFoundError(DomainError):
    order_id: str

    def __str__(self) -> str:
        return f"order {self.order_id} was never placed"


@dataclass(eq=False)
class OrderAlreadyPaidError(DomainError):
    order_id: str

    def __str__(self) -> str:
        return f"order {self.order_id} is paid already"


@dataclass(eq=False)
class OrderAlreadyShippedError(DomainError):
    order_id: str

    def __str__(self) -> str:
        return f"order {self.order_id} is shipped already"


class Order(Aggregate[OrderEvent, OrderCommand], id="order_id"):
    placed: bool = False
    total: Decimal = Decimal(0)
    paid: bool = False
    shipped: bool = False

    def execute(self, command: OrderCommand) -> None:
        match command:
            case PlaceOrder(order_id=order_id, items=items, total=total, customer_id=customer):
                if self.placed:
                    raise OrderAlreadyPlacedError(self.id)
                self.record(
                    OrderPlaced(order_id=order_id, items=items, total=total, customer_id=customer)
                )
            case ProcessPayment(amount=amount):
                self._require_placed()
                if self.paid:
                    raise OrderAlreadyPaidError(self.id)
                self.record(PaymentProcessed(amount=amount))
            case ShipOrder(packages=packages):
                self._require_placed()
                if self.shipped:
                    raise OrderAlreadyShippedError(self.id)
                self.record(OrderShipped(packages=packages))
            case _:
                assert_never(command)

    def apply(self, event: OrderEvent) -> None:
        match event:
            case OrderPlaced(total=total):
                self.placed, self.total = True, total
            case PaymentProcessed():
                self.paid = True
            case OrderShipped():
                self.shipped = True
            case _:
                assert_never(event)

    def _require_placed(self) -> None:
        if not self.placed:
            raise OrderNotFoundError(self.id)
