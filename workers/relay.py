"""The relay: commands whose wake-up was lost, with the broker or on its way, are woken again."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import structlog
from redis.exceptions import RedisError

from workers.app import app
from workers.command_tasks import REPUBLISHED, wake
from workers.fleet import fleet
from workers.settings import current_settings

log = structlog.get_logger(__name__)

AT_ONCE = 10_000
PER_RING = 100
BACKLOG, PATIENCE = 20, 20
AT_MOST = timedelta(seconds=45)  # a broker that was flushed may be busy again at once


def relay() -> int:
    """
    Wake overdue commands, the oldest first; returns how many.

    Those with a chain or links behind them get their own message, which carries the results
    on; the others are rung for by the hundred. Behind a backlog a command waits without being
    lost, so while messages queue up much more patience is shown.
    """
    age = timedelta(seconds=current_settings().relay_after_seconds)
    if waiting_messages() > BACKLOG:
        age = max(age, min(age * PATIENCE, AT_MOST))
    overdue = fleet.inbox.take_overdue(age, AT_ONCE)
    for command in overdue:
        if command.continued:
            wake(command.command_type, command.command_id, headers=REPUBLISHED)
    for first_no, last_no in ranges([c.accepted_no for c in overdue if not c.continued]):
        app.send_task("commands.drain", (first_no, last_no), headers=REPUBLISHED)
    if overdue:
        log.warning("woke overdue commands", commands=len(overdue))
    return len(overdue)


def waiting_messages() -> int:
    """Return how many command messages the broker holds; 0 when it does not say."""
    try:
        return int(fleet.redis.llen("commands"))
    except RedisError:
        return 0


def ranges(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Cut numbers into ranges of at most a hundred of them."""
    ordered = sorted(numbers)
    for start in range(0, len(ordered), PER_RING):
        part = ordered[start : start + PER_RING]
        yield part[0], part[-1]
