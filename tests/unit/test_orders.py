"""The rules of an order."""

from decimal import Decimal

import pytest

from domain.errors import InvalidFieldError
from domain.orders import (
    Order,
    OrderAlreadyPaidError,
    OrderAlreadyPlacedError,
    OrderAlreadyShippedError,
    OrderNotFoundError,
    OrderPlaced,
    OrderShipped,
    PaymentProcessed,
    PlaceOrder,
    ProcessPayment,
    ShipOrder,
)
from domain.testing import Scenario
from domain.upcasting import upcast

TOTAL = Decimal("129.90")
place = PlaceOrder(order_id="42", items=("lamp", "bulb"), total=TOTAL)
pay = ProcessPayment(order_id="42", amount=TOTAL)
ship = ShipOrder(order_id="42", packages=("parcel-1",))
placed = OrderPlaced(order_id="42", items=("lamp", "bulb"), total=TOTAL)
paid = PaymentProcessed(amount=TOTAL)
shipped = OrderShipped(packages=("parcel-1",))

NO_MONEY: list[object] = [1.5, 3, "1.50", Decimal("NaN"), Decimal("Infinity"), Decimal(-1), None]


def test_an_order_is_placed_with_what_the_command_says() -> None:
    Scenario(Order).when(place).then(placed)


def test_an_order_may_say_who_ordered() -> None:
    theirs = PlaceOrder(order_id="42", items=("lamp",), total=TOTAL, customer_id="ada")

    Scenario(Order).when(theirs).then(
        OrderPlaced(order_id="42", items=("lamp",), total=TOTAL, customer_id="ada")
    )


@pytest.mark.parametrize("customer", ["", " ", 7])
def test_a_customer_without_a_name_is_refused_by_the_field(customer: object) -> None:
    with pytest.raises(InvalidFieldError, match=r"PlaceOrder\.customer_id must be a text"):
        PlaceOrder(order_id="42", items=("lamp",), total=TOTAL, customer_id=customer)  # type: ignore[arg-type]


def test_an_order_of_version_one_was_placed_by_nobody_we_know() -> None:
    old = {"order_id": "42", "items": ["lamp"], "total": "1.00"}

    assert upcast(OrderPlaced, 1, old) == {**old, "customer_id": None}
    assert "customer_id" not in old


def test_an_order_is_placed_only_once() -> None:
    Scenario(Order).given(placed).when(place).refused(OrderAlreadyPlacedError, saying="42")


def test_an_order_is_paid_and_then_shipped() -> None:
    Scenario(Order).given(placed).when(pay, ship).then(paid, shipped)


def test_an_order_may_ship_before_it_is_paid() -> None:
    Scenario(Order).given(placed).when(ship, pay).then(shipped, paid)


def test_an_order_is_not_paid_twice_even_when_it_has_shipped_in_between() -> None:
    Scenario(Order).given(placed, paid, shipped).when(pay).refused(OrderAlreadyPaidError)


def test_an_order_is_not_shipped_twice_even_when_it_was_paid_in_between() -> None:
    Scenario(Order).given(placed, shipped, paid).when(ship).refused(OrderAlreadyShippedError)


def test_an_order_that_was_never_placed_is_not_paid() -> None:
    Scenario(Order).when(pay).refused(OrderNotFoundError, saying="42")


def test_an_order_that_was_never_placed_is_not_shipped() -> None:
    Scenario(Order).when(ship).refused(OrderNotFoundError, saying="42")


@pytest.mark.parametrize("total", NO_MONEY)
def test_a_total_that_is_no_exact_decimal_is_refused(total: object) -> None:
    with pytest.raises(InvalidFieldError, match=r"PlaceOrder\.total must be an exact decimal"):
        PlaceOrder(order_id="42", items=("lamp",), total=total)  # type: ignore[arg-type]


@pytest.mark.parametrize("amount", [*NO_MONEY, Decimal(0)])
def test_a_payment_that_is_no_exact_decimal_above_zero_is_refused(amount: object) -> None:
    with pytest.raises(InvalidFieldError, match=r"ProcessPayment\.amount must be an exact"):
        ProcessPayment(order_id="42", amount=amount)  # type: ignore[arg-type]


def test_an_order_may_be_free_of_charge() -> None:
    free = PlaceOrder(order_id="42", items=("sample",), total=Decimal(0))

    Scenario(Order).when(free).then(OrderPlaced(order_id="42", items=("sample",), total=Decimal(0)))


def test_cents_are_kept_as_they_were_written() -> None:
    order = Order("42").replay([placed])

    assert str(order.total) == "129.90"


def test_an_order_without_an_id_items_or_packages_is_refused_by_the_field() -> None:
    with pytest.raises(InvalidFieldError, match=r"PlaceOrder\.order_id"):
        PlaceOrder(order_id="", items=("lamp",), total=TOTAL)
    with pytest.raises(InvalidFieldError, match=r"PlaceOrder\.items"):
        PlaceOrder(order_id="42", items=(), total=TOTAL)
    with pytest.raises(InvalidFieldError, match=r"ShipOrder\.packages"):
        ShipOrder(order_id="42", packages=())
