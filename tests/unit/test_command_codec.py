"""Commands between plain values and their classes, each misfit named by its field."""

from decimal import Decimal

import msgspec
import pytest

from domain.command import Command
from domain.errors import InvalidFieldError
from domain.orders import PlaceOrder, ShipOrder
from domain.users import ChangeUserPassword, CreateUser, DeactivateUser
from store.command_codec import (
    aggregate_id_of,
    decode_command,
    describe,
    encode_command,
    make_command,
)
from store.errors import UnknownCommandError

SAID = "kim@example.org"
COMMANDS: list[Command] = [
    CreateUser(user_id="u", username="kim", email=SAID),
    DeactivateUser(user_id="u", reason='a "quoted" \\ reason, \u2028 and an ü'),
    PlaceOrder(order_id="o", items=("a", "b"), total=Decimal("19.90")),
    PlaceOrder(order_id="o", items=("a", "b"), total=Decimal("19.90"), customer_id="u"),
    ShipOrder(order_id="o", packages=("p",)),
]


@pytest.mark.parametrize("command", COMMANDS, ids=repr)
def test_what_was_encoded_is_what_is_decoded(command: Command) -> None:
    payload = encode_command(command)

    assert decode_command(command.command_type, payload.decode()) == command
    assert make_command(command.command_type, msgspec.to_builtins(command)) == command


def test_an_optional_field_that_says_nothing_is_not_written() -> None:
    """A command accepted before its class had the field, and sent again, is the same command."""
    before = {"order_id": "o", "items": ["a", "b"], "total": "19.90"}
    nobody = PlaceOrder(order_id="o", items=("a", "b"), total=Decimal("19.90"))
    somebody = PlaceOrder(order_id="o", items=("a", "b"), total=Decimal("19.90"), customer_id="u")

    assert msgspec.json.decode(encode_command(nobody)) == before
    assert msgspec.json.decode(encode_command(somebody)) == {**before, "customer_id": "u"}
    assert make_command("PlaceOrder", before) == nobody


def test_money_stays_exact() -> None:
    placed = make_command("PlaceOrder", {"order_id": "o", "items": ["a"], "total": "0.10"})

    assert isinstance(placed, PlaceOrder)
    assert str(placed.total) == "0.10"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "CreateUser.user_id is missing"),
        ({"user_id": "u", "username": "kim"}, "CreateUser.email is missing"),
        ({"user_id": 7, "username": "kim", "email": SAID}, "CreateUser.user_id must be str, got"),
        ({"user_id": "u", "username": None, "email": SAID}, "CreateUser.username must be str"),
        ({"user_id": "u", "username": " ", "email": SAID}, "CreateUser.username must not be empty"),
        ({"user_id": "u", "username": "kim", "email": "kim"}, "CreateUser.email must look like"),
        ({"user_id": "u", "color": "red"}, "CreateUser.color is not a field of this command"),
        ([1, 2], "CreateUser.data must be an object of fields"),
        ("kim", "CreateUser.data must be an object of fields"),
        (None, "CreateUser.data must be an object of fields"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field(fields: object, said: str) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        make_command("CreateUser", fields)

    assert str(refused.value).startswith(said)


def test_a_misfit_within_a_field_names_the_field() -> None:
    with pytest.raises(InvalidFieldError, match=r"ShipOrder\.packages must be str, got int"):
        make_command("ShipOrder", {"order_id": "o", "packages": ["p", 7]})


def test_no_error_repeats_what_was_given() -> None:
    secret = "hunter2-correct-horse"  # noqa: S105 - made up
    with pytest.raises(InvalidFieldError) as refused:
        make_command("ChangeUserPassword", {"user_id": "u", "password_hash": secret})
    with pytest.raises(InvalidFieldError) as unknown:
        make_command("ChangeUserPassword", {"user_id": "u", "password_hash": [secret]})

    assert secret not in str(refused.value) + str(unknown.value)
    assert secret not in str(describe(refused.value))
    assert secret not in repr(ChangeUserPassword(user_id="u", password_hash=f"$x$1${secret}"))


def test_a_command_that_nobody_answers_is_refused_by_name() -> None:
    with pytest.raises(UnknownCommandError, match="no aggregate answers 'FlyAway'"):
        make_command("FlyAway", {})


def test_a_command_goes_to_the_aggregate_whose_id_it_carries() -> None:
    assert [aggregate_id_of(command) for command in COMMANDS] == ["u", "u", "o", "o", "o"]


def test_an_error_is_described_so_that_it_can_be_raised_again() -> None:
    error = InvalidFieldError("CreateUser", "email", "is missing")
    described = describe(error)

    assert described == {
        "type": "InvalidFieldError",
        "module": "domain.errors",
        "args": ["CreateUser", "email", "is missing"],
        "message": "CreateUser.email is missing",
    }
    assert describe(ValueError({1}, None, 2.5))["args"] == ["{1}", None, 2.5]
    assert len(describe(ValueError("x" * 9000))["message"]) == 2000


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("\x00", r"CreateUser.\x00 is not a field"),
        ("\ud800", r"CreateUser.\ud800 is not a field"),
        ("", "CreateUser.(nothing) is not a field"),
        (10**4301, "CreateUser.(int) is not a field"),
    ],
    ids=["nul", "surrogate", "empty", "endless"],
)
def test_an_unknown_field_of_any_name_is_refused_in_words_that_can_be_kept(
    name: object, said: str
) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        make_command("CreateUser", {name: 1})

    assert str(refused.value).startswith(said)
    assert msgspec.json.encode(describe(refused.value))


def test_an_unknown_command_is_named_in_words_that_can_be_kept() -> None:
    with pytest.raises(UnknownCommandError) as refused:
        make_command("\ud800" + "x" * 10**6, {})

    assert refused.value.command_type == r"\ud800" + "x" * 99


def test_a_command_too_large_only_as_a_whole_is_refused_as_its_data() -> None:
    packages = tuple("x" * 1000 for _ in range(200))
    order = PlaceOrder(order_id="o", items=packages, total=Decimal("9" * 100_000))

    with pytest.raises(InvalidFieldError, match=r"^PlaceOrder\.data takes 3"):
        encode_command(order)


def test_an_error_that_carries_what_cannot_be_kept_is_kept_all_the_same() -> None:
    kept = describe(ValueError("a\x00\ud800", 10**4301, float("nan"), 7, None))

    cut = "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
    assert kept["args"] == [cut, "(int)", "nan", 7, None]
    assert kept["message"] == "(ValueError)"
    assert msgspec.json.decode(msgspec.json.encode(kept)) == kept


@pytest.mark.parametrize("total", ["\ud800", "1\udfff"], ids=ascii)
def test_money_that_is_no_text_at_all_is_refused_by_its_field(total: str) -> None:
    with pytest.raises(InvalidFieldError, match=r"^PlaceOrder\.total holds a NUL or half a surr"):
        make_command("PlaceOrder", {"order_id": "o", "items": ["a"], "total": total})
