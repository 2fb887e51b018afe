"""What jsonb would refuse, or keep and hand back changed: refused before it is stored."""

import re
from typing import Any

from store.errors import UnstorableError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 64
MAX_ID = 255
MAX_NAME = 100
INT_MIN, INT_MAX = -(2**63), 2**63 - 1
# jsonb writes a float from here on without a point, and it would come back as an integer.
FLOAT_LIMIT = 1e16
FORBIDDEN_IN_TEXT = re.compile("[\x00\ud800-\udfff]")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def check_value(value: Any, where: str, depth: int = 0) -> None:
    """Raise `UnstorableError`, naming the place, unless jsonb gives back exactly `value`."""
    if depth > MAX_DEPTH:
        raise UnstorableError(where, f"is nested deeper than {MAX_DEPTH} levels")
    match value:
        case None | bool():
            pass
        case str():
            check_text(value, where)
        case int():
            if not INT_MIN <= value <= INT_MAX:
                raise UnstorableError(where, "does not fit into 64 bits")
        case float():
            check_float(value, where)
        case list() | tuple():
            for index, item in enumerate(value):
                check_value(item, f"{where}[{index}]", depth + 1)
        case dict():
            for key, item in value.items():
                check_key(key, where)
                check_value(item, f"{where}.{key}", depth + 1)
        case _:
            raise UnstorableError(where, f"is a {type(value).__name__}, which JSON does not have")


def check_key(key: object, where: str) -> None:
    if not isinstance(key, str):
        raise UnstorableError(where, f"has the key {key!r}, which is no string")
    check_text(key, f"a key of {where}")


def check_text(text: str, where: str) -> None:
    if FORBIDDEN_IN_TEXT.search(text):
        raise UnstorableError(where, "holds a NUL or half a surrogate pair, which cannot be stored")


def check_float(number: float, where: str) -> None:
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
    if not aggregate_id or len(aggregate_id) > MAX_ID:
        raise UnstorableError(where, f"must have 1 to {MAX_ID} characters")
    if CONTROL.search(aggregate_id):
        raise UnstorableError(where, "must not hold control characters")


def check_name(name: str, where: str) -> None:
    if not name or len(name) > MAX_NAME or CONTROL.search(name):
        raise UnstorableError(where, f"must have 1 to {MAX_NAME} printable characters")
