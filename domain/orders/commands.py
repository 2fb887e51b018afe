"""What can be asked of an order. Money is exact: a `Decimal`, never a float."""

from decimal import Decimal
from typing import TypeAlias

from domain.command import Command


class PlaceOrder(Command):
    order_id: str
    items: tuple[str, ...]
    total: Decimal
    customer_id: str | None = None
    """The user who ordered; None: nobody we know."""

    def __post_init__(self) -> None:
        self.require(self.order_id.strip(), "order_id", "must not be empty")
        self.require(self.items, "items", "must not be empty")
        self.require(is_money(self.total), "total", "must be an exact decimal, zero or more")
        named = self.customer_id is None or is_text(self.customer_id)
        self.require(named, "customer_id", "must be a text, and not empty; leave it out for nobody")


class ProcessPayment(Command):
    order_id: str
    amount: Decimal

    def __post_init__(self) -> None:
        exact = is_money(self.amount) and self.amount > 0
        self.require(exact, "amount", "must be an exact decimal above zero")


class ShipOrder(Command):
    order_id: str
    packages: tuple[str, ...]

    def __post_init__(self) -> None:
        self.require(self.packages, "packages", "must not be empty")


OrderCommand: TypeAlias = PlaceOrder | ProcessPayment | ShipOrder


def is_money(amount: object) -> bool:
    return isinstance(amount, Decimal) and amount.is_finite() and amount >= 0


def is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
