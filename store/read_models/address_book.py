"""The address book: where notifications find whom an event concerns, and under which address."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, cast

from sqlalchemy import String, Table
from sqlalchemy.orm import Mapped, mapped_column

from domain.orders import OrderPlaced, OrderShipped
from domain.users import UserCreated, UserDeactivated, UserEmailChanged
from store import notifications
from store.engine import Connection
from store.notifications import Recipient, notify
from store.projection import Key, Order, Projection, Rows
from store.read_models.mapped import ReadModel
from store.recorded import RecordedEvent

OF_USER = """
select username, email from fleetlog_read_models.address_read_model where user_id = %b
"""
OF_ORDER = """
select a.username, a.email from fleetlog_read_models.order_customer_read_model o
join fleetlog_read_models.address_read_model a on a.user_id = o.customer_id
where o.order_id = %b
"""


class AddressRow(ReadModel):
    __tablename__ = "address_read_model"

    user_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    username: Mapped[str]
    email: Mapped[str]


class OrderCustomerRow(ReadModel):
    __tablename__ = "order_customer_read_model"

    order_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    customer_id: Mapped[str]


@dataclass(frozen=True, slots=True)
class Address:
    user_id: str
    username: str
    email: str


@dataclass(frozen=True, slots=True)
class OrderCustomer:
    order_id: str
    customer_id: str


class AddressBook(Projection, name="address_book"):
    """Users with their address, and orders with their customer where they name one."""

    tables = {  # noqa: RUF012 - as every projection's
        Address: cast("Table", AddressRow.__table__),
        OrderCustomer: cast("Table", OrderCustomerRow.__table__),
    }
    aggregate_types = frozenset({"User", "Order"})
    order = Order.AGGREGATE

    def keys(self, event: RecordedEvent) -> Iterable[Key]:
        kind: type[Any] = Address if event.aggregate_type == "User" else OrderCustomer
        return ((kind, event.aggregate_id),)

    def evolve(self, rows: Rows, event: RecordedEvent) -> Rows:
        (key,) = self.keys(event)
        match event.event:
            case UserCreated(username=username, email=email):
                return {key: Address(event.aggregate_id, username, email)}
            case UserEmailChanged(new_email=email):
                row = rows.get(key)
                if row is None:
                    raise LookupError(f"user {event.aggregate_id} changed before it was created")
                return {key: replace(row, email=email)}
            case OrderPlaced(customer_id=str(customer)):
                return {key: OrderCustomer(event.aggregate_id, customer)}
            case _:
                return {}


class FromTheBook(notifications.AddressBook):
    """Looks one aggregate up: a user, or the customer of an order."""

    projection = AddressBook.name

    def __init__(self, query: str) -> None:
        self._query = query

    def find(self, connection: Connection, event: RecordedEvent) -> Recipient | None:
        row = connection.execute(self._query, (event.aggregate_id,)).fetchone()
        return Recipient(*row) if row else None


users, customers = FromTheBook(OF_USER), FromTheBook(OF_ORDER)

notify(UserCreated, template="welcome", book=users)
notify(UserDeactivated, template="deactivated", book=users)
notify(OrderShipped, template="order_shipped", book=customers)
