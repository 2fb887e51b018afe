"""What a person types after a command's name, and what the command gets."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import click
import pytest

from domain.errors import InvalidFieldError
from domain.orders import PlaceOrder
from workers.console.endings import Failure
from workers.console.values import command_from, plain


@dataclass
class Address:
    city: str


@pytest.mark.parametrize(
    ("text", "hint", "value"),
    [
        ("42", str, "42"),
        ("42", int, 42),
        ("1.5", float, 1.5),
        ("true", bool, True),
        ("4.20", Decimal, "4.20"),
        ("2026-02-28", datetime, "2026-02-28"),
        ("6ce5caec-d04d-552a-beb4-2c31dc517c5e", UUID, "6ce5caec-d04d-552a-beb4-2c31dc517c5e"),
        ("a,b", tuple[str, ...], ["a", "b"]),
        ("1,2", list[int], [1, 2]),
        ("", list[str], []),
        ('["a,b","c"]', list[str], ["a,b", "c"]),
        ("null", int | None, None),
        ("7", int | None, 7),
        ("null", str | None, None),
        ("7", str | None, "7"),
        ('{"city":"Ulm"}', Address, {"city": "Ulm"}),
        ('{"a":1}', dict[str, int], {"a": 1}),
        ("many", int, "many"),
    ],
)
def test_a_value_becomes_what_json_holds_for_its_type(text: str, hint: Any, value: Any) -> None:
    assert plain(text, hint) == value


def test_a_list_is_written_with_commas() -> None:
    command = command_from("PlaceOrder", ["order_id=1", "items=tea,mug", "total=4.20"], None)

    assert command == PlaceOrder(order_id="1", items=("tea", "mug"), total=Decimal("4.20"))


def test_fields_come_from_json_too() -> None:
    data = '{"items": ["tea, green"], "total": "1"}'
    command = command_from("PlaceOrder", ["order_id=1"], data)

    assert command == PlaceOrder(order_id="1", items=("tea, green",), total=Decimal(1))


def test_a_value_may_hold_an_equals_sign() -> None:
    command = command_from("DeactivateUser", ["user_id=ada", "reason=a=b"], None)

    assert command.reason == "a=b"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (["user_id=a", "username=a"], "CreateUser.email is missing"),
        (["user_id=a", "nick=a"], "CreateUser.nick is not a field"),
    ],
)
def test_a_wrong_field_is_told_with_the_fields_there_are(pairs: list[str], said: str) -> None:
    with pytest.raises(Failure, match="its fields are user_id, username, email") as refused:
        command_from("CreateUser", pairs, None)

    assert said in str(refused.value)


def test_a_value_that_can_never_be_right_names_its_rule() -> None:
    with pytest.raises(InvalidFieldError, match=r"total must be an exact decimal"):
        command_from("PlaceOrder", ["order_id=1", "items=a", "total=-1"], None)


def test_a_misspelt_command_is_told_with_those_like_it() -> None:
    with pytest.raises(Failure, match="did you mean CreateUser"):
        command_from("createuser", [], None)


def test_an_unknown_command_is_told_with_all_there_are() -> None:
    with pytest.raises(Failure, match=r"there are .*CreateUser.*ShipOrder"):
        command_from("Xyzzy", [], None)


@pytest.mark.parametrize("pairs", [["user_id"], ["user_id=a", "user_id=b"]])
def test_what_is_no_list_of_fields_is_wrong_usage(pairs: list[str]) -> None:
    with pytest.raises(click.UsageError):
        command_from("ReactivateUser", pairs, None)


def test_json_data_that_is_no_object_is_wrong_usage() -> None:
    with pytest.raises(click.UsageError, match="no JSON object"):
        command_from("ReactivateUser", [], "[1]")
