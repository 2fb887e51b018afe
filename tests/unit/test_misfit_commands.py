"""A command built from Python with a value of a wrong type names the field, not our code."""

from typing import Any

import pytest

from domain.command import Command
from domain.errors import InvalidFieldError
from domain.users import CreateUser

GOOD = {"user_id": "ada", "username": "ada", "email": "ada@example.org"}


class Broken(Command):
    text: str

    def __post_init__(self) -> None:
        raise TypeError("a bug of its own")


@pytest.mark.parametrize("field", GOOD)
@pytest.mark.parametrize("value", [5, None, {}])
def test_a_value_of_a_wrong_type_is_refused_with_the_name_of_its_field(
    field: str, value: Any
) -> None:
    with pytest.raises(InvalidFieldError) as refusal:
        CreateUser(**{**GOOD, field: value})

    assert refusal.value.field == field


def test_a_rule_with_a_bug_of_its_own_keeps_its_error() -> None:
    with pytest.raises(TypeError, match="a bug of its own"):
        Broken(text="fits")
