"""The read models folded once more, in other words than the projections' own, from plain data."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from tests.chaos.evidence import Fact
from tests.toy_shelf import LONGEST_LABEL, UNLUCKY

Row: TypeAlias = dict[str, Any]
Apply: TypeAlias = Callable[[Row, Fact], Row]

REFUSED_NOTE = 666


class UndigestedError(Exception):
    """The projection has to set this event aside."""


@dataclass(frozen=True)
class View:
    """A projection's rows, and how to come to them; the first column is the aggregate's id."""

    name: str
    aggregate_type: str
    table: str
    columns: tuple[str, ...]
    apply: Apply
    may_park: Callable[[Fact], bool] = lambda _: False
    """Whether it may also be the table that does not take what comes of an event."""


def user(row: Row, fact: Fact) -> Row:
    data = fact.payload
    changes: dict[str, Row] = {
        "UserCreated": {"is_active": True, "created_at": fact.timestamp},
        "UserEmailChanged": {},
        "UserPasswordChanged": {},
        "UserDeactivated": {"is_active": False},
        "UserReactivated": {"is_active": True},
    }
    told: Row = {"last_updated": fact.timestamp}
    if fact.event_type == "UserCreated":
        told |= {"username": data["username"], "email": data["email"]}
    if fact.event_type == "UserEmailChanged":
        told["email"] = data["new_email"]
    return row | changes[fact.event_type] | told


def order(row: Row, fact: Fact) -> Row:
    data, at = fact.payload, fact.timestamp
    if fact.event_type == "OrderPlaced":
        total, items = Decimal(str(data["total"])), len(data["items"])
        return row | {"total": total, "items": items, "placed_at": at}
    if fact.event_type == "PaymentProcessed":
        return row | {"paid": Decimal(str(data["amount"])), "paid_at": at}
    return row | {"packages": len(data["packages"]), "shipped_at": at}


def toy(row: Row, fact: Fact) -> Row:
    data = fact.payload
    if fact.event_type == "Labelled":
        return row | {"rung": row.get("rung", 0), "label": data["text"]}
    if data["note"] == UNLUCKY:
        raise UndigestedError
    return row | {"rung": row.get("rung", 0) + 1, "note": data["note"]}


def is_refused_by_the_shelf(fact: Fact) -> bool:
    data = fact.payload
    return data.get("note") == REFUSED_NOTE or len(data.get("text", "")) > LONGEST_LABEL


VIEWS = (
    View(
        "user_directory",
        "User",
        "user_read_model",
        ("user_id", "username", "email", "is_active", "created_at", "last_updated"),
        user,
    ),
    View(
        "order_board",
        "Order",
        "order_read_model",
        ("order_id", "total", "items", "paid", "packages", "placed_at", "paid_at", "shipped_at"),
        order,
    ),
    View(
        "toy_shelf",
        "Toy",
        "toy_shelf",
        ("toy_id", "rung", "note", "label"),
        toy,
        is_refused_by_the_shelf,
    ),
)
