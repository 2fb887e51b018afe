"""Messages that must not wait behind the others: those over which somebody has died."""

from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError

from workers.fleet import fleet

QUEUE = "commands"


def without_delay(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a retry with which it is delivered as soon as possible."""
    return {name: value for name, value in options.items() if name not in {"countdown", "eta"}}


def go_first() -> None:
    """
    Move the message that was published last to where the next one is taken.

    It is the first whose attempt is counted. Every other message for its inbox would make the
    same attempt uncounted before. Another message may be moved instead: no order is promised.
    """
    with suppress(RedisError):
        fleet.redis.lmove(QUEUE, QUEUE, "LEFT", "RIGHT")
