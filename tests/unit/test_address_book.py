"""The address book: who is known under which address, and who has ordered what."""

from decimal import Decimal

import msgspec

from domain.event import Event
from domain.orders import OrderPlaced, OrderShipped
from domain.users import UserCreated, UserDeactivated, UserEmailChanged
from store.folding import fold
from store.read_models.address_book import Address, AddressBook, OrderCustomer
from store.recorded import RecordedEvent
from tests.outgoing import NOON

ADA = UserCreated(user_id="u", username="Ada", email="ada@example.org")


def rows(*stories: tuple[str, str, Event]) -> tuple[list[object], int]:
    """Fold these events; returns the rows there are, and how many events were parked."""
    events = [
        RecordedEvent(
            *(position, id, kind, event.event_type, event.schema_version, position, NOON),
            msgspec.json.encode(event).decode(),
        )
        for position, (kind, id, event) in enumerate(stories, start=1)
    ]
    folded = fold(AddressBook(), {}, events, set())
    return [row for row in folded.rows.values() if row], len(folded.parked)


def placed(customer: str | None) -> OrderPlaced:
    return OrderPlaced(order_id="o", items=("lamp",), total=Decimal(1), customer_id=customer)


def test_a_user_is_known_under_the_last_address() -> None:
    moved = UserEmailChanged(new_email="new@example.org")
    left = UserDeactivated(reason="they asked")

    assert rows(("User", "u", ADA), ("User", "u", moved), ("User", "u", left)) == (
        [Address("u", "Ada", "new@example.org")],
        0,
    )


def test_an_order_is_kept_with_its_customer_and_one_of_nobody_is_not_kept() -> None:
    shipped = OrderShipped(packages=("a",))

    assert rows(("Order", "o", placed("u")), ("Order", "o", shipped)) == (
        [OrderCustomer("o", "u")],
        0,
    )
    assert rows(("Order", "o", placed(None)), ("Order", "o", shipped)) == ([], 0)


def test_a_user_who_moves_before_being_created_is_set_aside() -> None:
    assert rows(("User", "u", UserEmailChanged(new_email="new@example.org"))) == ([], 1)
