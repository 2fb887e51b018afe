"""The doorbell: new events wake their projections at once instead of at the next tick."""

from collections.abc import Iterable
from itertools import chain

import structlog
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from store.projection import Projection, projections
from workers import outboxes
from workers.app import app
from workers.fleet import fleet
from workers.settings import current_settings

log = structlog.get_logger(__name__)

# A bell that nobody answers is rung again after this; the beat ticks anyway.
RING_MS = 2000


def ring(aggregate_types: Iterable[str]) -> None:
    """Wake the projections and outboxes that read these types."""
    if not current_settings().doorbell:
        return
    grown = frozenset(aggregate_types)
    for projection in chain(projections(), outboxes.active() if grown else ()):
        if any(map(projection.reads, grown)) and not ring_for(projection):
            return


def ring_for(projection: Projection) -> bool:
    """Wake one projection; returns whether the bell could be rung."""
    return wake(projection.name, "projections.advance", projection.name)


def wake(name: str, task: str, argument: str) -> bool:
    """Ring one bell; many rings before an answer are one. Returns whether it could be rung."""
    try:
        if fleet.redis.set(bell(name), 1, nx=True, px=RING_MS):
            app.send_task(task, (argument,))
    except (RedisError, OperationalError) as error:
        log.info("doorbell unheard, the beat will come by", error=str(error))
        return False
    return True


def answer(name: str) -> None:
    """Note that we are on our way; whoever rings from now on is heard again."""
    try:
        fleet.redis.delete(bell(name))
    except RedisError:
        log.info("doorbell out of reach", projection=name)


def leave_word(name: str) -> None:
    """Ask the one who holds the lock to look once more before going away."""
    try:
        fleet.redis.set(word(name), 1, px=60_000)
    except RedisError:
        log.info("doorbell out of reach", projection=name)


def word_was_left(name: str) -> bool:
    try:
        return bool(fleet.redis.getdel(word(name)))
    except RedisError:
        return False


def bell(name: str) -> str:
    return f"fleetlog:bell:{name}"


def word(name: str) -> str:
    return f"fleetlog:word:{name}"
