"""What a task message must look like: over some of the rest Celery stumbles unguarded."""

import re
from collections.abc import Callable
from typing import Any

from store.storable import CONTROL

PARTS_OF_A_BODY = (list, dict, dict)  # arguments, keyword arguments, what comes after
PAIR = 2
MOST = 2**31
# What would turn the text of a log line around.
TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def refused(message: Any) -> str | None:
    """
    Return what is wrong with a message, or None.

    The pool's child decodes the body once more, and would only log what it cannot use.
    """
    body = message.payload
    if message.headers.get("task") is None:
        return refused_of_old(body)
    if odd := oddity(message.headers):
        return odd
    if isinstance(body, dict) and "args" in body:
        body = [body["args"], body.get("kwargs") or {}, {}]
    if isinstance(body, list) and len(body) == len(PARTS_OF_A_BODY):
        parts = zip(body, PARTS_OF_A_BODY, strict=True)
        if all(isinstance(part, kind) for part, kind in parts):
            return None
    return "has a body that is not arguments, keyword arguments and options"


def refused_of_old(body: object) -> str | None:
    """The same for Celery's first protocol, which has all of it in the body."""
    if not isinstance(body, dict):
        return "is no task message"
    if isinstance(body.get("args"), list) and isinstance(body.get("kwargs"), dict):
        return oddity(body)
    return "has a body without arguments and keyword arguments"


def oddity(headers: dict[str, Any]) -> str | None:
    """Return which header does not do, or None."""
    name, id = headers.get("task"), headers.get("id")
    if not (name and id and is_printable(name) and is_printable(id)):
        return "has no task name and id"
    for header, is_fit in FIT.items():
        if headers.get(header) is not None and not is_fit(headers[header]):
            return f"has a header {header} of a wrong type"
    return None


def is_text(value: object) -> bool:
    return isinstance(value, str)


def is_printable(value: object) -> bool:
    """Whether a log line may hold it."""
    return isinstance(value, str) and not CONTROL.search(value) and not TURNING.search(value)


def is_time(value: object) -> bool:
    return isinstance(value, str | int | float)


def is_count(value: object) -> bool:
    return isinstance(value, int) and 0 <= value < MOST


def is_limits(value: object) -> bool:
    """Whether these are a task's hard and soft time limit."""
    if not isinstance(value, list) or len(value) != PAIR:
        return False
    return all(one is None or (isinstance(one, int | float) and one > 0) for one in value)


def is_list(value: object) -> bool:
    return isinstance(value, list)


def is_object(value: object) -> bool:
    return isinstance(value, dict)


FIT: dict[str, Callable[[object], bool]] = {
    "timelimit": is_limits,
    "retries": is_count,
    "eta": is_printable,
    "expires": is_time,
    "stamped_headers": is_list,
    "stamps": is_object,
    "headers": is_object,
    "argsrepr": is_text,
    "kwargsrepr": is_text,
    **dict.fromkeys(("root_id", "parent_id", "group", "shadow", "origin", "lang"), is_printable),
}
