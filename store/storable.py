"""What jsonb would refuse, or keep and hand back changed: refused before it is stored."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from store.errors import UnstorableError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 64
MAX_ID = 255
MAX_NAME = 100
INT_MIN, INT_MAX = -(2**63), 2**63 - 1
VERSION_MAX = 2**31 - 1
# jsonb writes a float from here on without a point, and it would come back as an integer.
FLOAT_LIMIT = 1e16
FORBIDDEN_IN_TEXT = re.compile("[\x00\ud800-\udfff]")
FORBIDDEN_THERE = "holds a NUL or half a surrogate pair, which cannot be stored"
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def check_value(value: object, where: str, depth: int = 0) -> None:
    """
    Raise `UnstorableError`, naming the place, unless jsonb gives back exactly `value`.

    Types count exactly: a subclass of str would come back as a str. A tuple passes, since a
    message may declare it; whether it comes back as one is for the round trip to say.
    """
    if depth > MAX_DEPTH:
        raise UnstorableError(where, f"is nested deeper than {MAX_DEPTH} levels")
    check = CHECKS.get(type(value))
    if check is None:
        raise UnstorableError(where, f"is a {type(value).__name__}, which JSON does not have")
    check(value, where, depth)


def check_list(items: Sequence[object], where: str, depth: int) -> None:
    for index, item in enumerate(items):
        check_value(item, f"{where}[{index}]", depth + 1)


def check_object(items: dict[object, object], where: str, depth: int) -> None:
    for key, item in items.items():
        check_key(key, where)
        # A key may be as long as a book or end a terminal's line: the place is there to be shown.
        check_value(item, f"{where}.{printable(key)}", depth + 1)


def check_key(key: object, where: str) -> None:
    if type(key) is not str:
        raise UnstorableError(where, f"has a {type(key).__name__} for a key, which is no string")
    if FORBIDDEN_IN_TEXT.search(key):
        raise UnstorableError(where, f"has a key that {FORBIDDEN_THERE}")


def check_nothing(_value: object, _where: str, _depth: int = 0) -> None:
    pass


def check_integer(number: int, where: str, _depth: int = 0) -> None:
    if not INT_MIN <= number <= INT_MAX:
        raise UnstorableError(where, "does not fit into 64 bits")


def check_text(text: str, where: str, _depth: int = 0) -> None:
    if FORBIDDEN_IN_TEXT.search(text):
        raise UnstorableError(where, FORBIDDEN_THERE)


def check_float(number: float, where: str, _depth: int = 0) -> None:
    if not abs(number) < FLOAT_LIMIT:  # also false for NaN
        raise UnstorableError(where, f"is not a finite number below {FLOAT_LIMIT:.0e}")
    if number == 0 and str(number).startswith("-"):
        raise UnstorableError(where, "is -0.0, which would come back as 0.0")


def check_size(encoded: bytes, where: str) -> None:
    if len(encoded) > MAX_BYTES:
        raise UnstorableError(
            where, f"takes {len(encoded):,} bytes, more than {MAX_BYTES:,}; store a reference"
        )


def check_aggregate_id(aggregate_id: str, where: str = "aggregate_id") -> None:
    """Ids are shown and searched, so they are short and free of control characters."""
    require_type(aggregate_id, str, where)
    if not aggregate_id or len(aggregate_id) > MAX_ID:
        raise UnstorableError(where, f"must have 1 to {MAX_ID} characters")
    if CONTROL.search(aggregate_id):
        raise UnstorableError(where, "must not hold control characters")


def check_name(name: str, where: str) -> None:
    require_type(name, str, where)
    if not name or len(name) > MAX_NAME or CONTROL.search(name):
        raise UnstorableError(where, f"must have 1 to {MAX_NAME} printable characters")


def check_schema_version(version: int, where: str = "version") -> None:
    require_type(version, int, where)
    if not 1 <= version <= VERSION_MAX:
        raise UnstorableError(where, f"must be a number from 1 to {VERSION_MAX}")


def require_type(value: object, wanted: type, where: str) -> None:
    """Annotations bind nobody who does not check types: what comes in is asked."""
    if not isinstance(value, wanted):
        raise UnstorableError(where, f"must be {wanted.__name__}, got {type(value).__name__}")


def storable_text(value: object, longest: int) -> str:
    """Return what a stranger said as text that can be stored: cleaned and cut, whatever it was."""
    try:
        said = str(value)
    except (ValueError, RecursionError):  # a number or a nesting beyond Python's own limits
        said = f"({type(value).__name__})"
    return FORBIDDEN_IN_TEXT.sub("\N{REPLACEMENT CHARACTER}", said)[:longest]


def printable(name: object) -> str:
    """Return a name for an error, which may be shown and stored, with the unprintable spelt out."""
    text = name if isinstance(name, str) else f"({type(name).__name__})"
    return CONTROL.sub(spelt_out, text[:MAX_NAME]) or "(nothing)"


def spelt_out(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode()


CHECKS: dict[type, Callable[[Any, str, int], None]] = {
    type(None): check_nothing,
    bool: check_nothing,
    str: check_text,
    int: check_integer,
    float: check_float,
    list: check_list,
    tuple: check_list,
    dict: check_object,
}
