"""
What a worker does with a message it cannot take: keep it, byte by byte.

At first in the broker, together with its acknowledgement, because a worker's main process must
not wait for a database; a task brings it into the table of dead letters soon after.
"""

from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple, cast
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

import msgspec
import structlog
from redis.exceptions import ConnectionError as BrokerConnectionError
from redis.exceptions import ResponseError

from store.dead_letters import DeadLetter, storable
from workers.fleet import fleet

log = structlog.get_logger(__name__)

WAITING = "fleetlog:dead-letters"
LONGEST_NAME = 255


class Acknowledged(NamedTuple):
    """Where kombu notes an unacknowledged message: in a hash and in a sorted set, under its tag."""

    unacked: str
    unacked_index: str
    tag: str


def letter(queue: str, reason: str, message: bytes, task_name: object = None) -> DeadLetter:
    """Return a new letter; `reason` must quote nothing of what the message says."""
    named = storable(task_name)[:LONGEST_NAME] if isinstance(task_name, str) else None
    place = storable(queue)[:LONGEST_NAME]
    return DeadLetter(uuid4(), place, reason, named, message, datetime.now(UTC))


def post(found: DeadLetter, *, acknowledging: Acknowledged | None = None) -> None:
    """
    Leave a letter in the broker and acknowledge its message, both or neither.

    A worker that dies here neither loses nor doubles what it had taken.
    """
    with fleet.redis.pipeline(transaction=True) as pipe:
        pipe.lpush(WAITING, msgspec.msgpack.encode(found))
        if acknowledging:
            pipe.zrem(acknowledging.unacked_index, acknowledging.tag)
            pipe.hdel(acknowledging.unacked, acknowledging.tag)
        try:
            pipe.execute()
        except ResponseError as error:  # full, or read-only; to kombu no reason to reconnect
            raise BrokerConnectionError(str(error)) from error
    log.error("a message was set aside", reason=found.reason, queue=found.queue)


def collect() -> int:
    """Bring what lies in the broker into the table; returns how many. Harmless to interrupt."""
    collected = 0
    while raw := cast("bytes | None", fleet.redis.lindex(WAITING, -1)):
        fleet.dead_letters.keep(opened(raw))
        fleet.redis.lrem(WAITING, -1, raw)  # type: ignore[arg-type]  # bytes do as well
        collected += 1
    return collected


def opened(raw: bytes) -> DeadLetter:
    """Return the letter; what somebody else has put among them becomes one too."""
    try:
        return msgspec.msgpack.decode(raw, type=DeadLetter)
    except (msgspec.DecodeError, RecursionError):
        digest: UUID = uuid5(NAMESPACE_OID, sha256(raw).hexdigest())
        return letter(WAITING, "found among the dead letters", raw)._replace(letter_id=digest)
