"""Values that Python's own JSON writer does not write, each beside the text that says it."""

import json
from enum import Enum
from typing import Any

MEGABYTES = 10 * 1000 * 1000
DIGITS = 4301  # one more than Python reads or writes
LEVELS = 5000


def nested(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels - 1):
        value = [value]
    return value


class Odd(Enum):
    """A value as Python has it, and as it is written."""

    INFINITE = (float("inf"), "1e400")
    MINUS_INFINITE = (float("-inf"), "-1e400")
    NOT_A_NUMBER = (float("nan"), "NaN")
    ENDLESS_NUMBER = (10**DIGITS - 1, "9" * DIGITS)
    ENDLESS_NESTING = (nested(LEVELS), "[" * LEVELS + "]" * LEVELS)
    ENORMOUS = ("x" * MEGABYTES, '"' + "x" * MEGABYTES + '"')

    @property
    def mark(self) -> str:
        """What stands for it until the rest is written."""
        return f"odd:{self.name}"

    def __repr__(self) -> str:
        return self.mark


def as_python(value: object) -> Any:
    """Return the value with every odd one put in."""
    if isinstance(value, Odd):
        return value.value[0]
    if isinstance(value, dict):
        return {name: as_python(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_python(item) for item in value]
    return value


def as_json(value: object) -> str:
    """Return the value as JSON text, half surrogate pairs as escapes."""
    text = json.dumps(value, default=lambda odd: odd.mark)
    for odd in Odd:
        text = text.replace(f'"{odd.mark}"', odd.value[1])
    return text


def is_json(value: object) -> bool:
    """Whether JSON can say it at all: `bytes` and keys that are no text it cannot."""
    if isinstance(value, dict):
        return all(type(name) is str and is_json(item) for name, item in value.items())
    if isinstance(value, list):
        return all(is_json(item) for item in value)
    return value is None or isinstance(value, (Odd, str, bool, int, float))
