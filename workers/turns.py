"""Taking turns: one worker at a time, and no call for work is lost on another."""

import time
from collections.abc import Callable

from workers import doorbell
from workers.fleet import fleet
from workers.lock import Extend, SingleWriterLock
from workers.settings import current_settings


def take_turn(lock: str, bell: str, work: Callable[[Extend, float], bool]) -> bool:
    """
    Work under a lock, until a time that `work` is told; returns whether there is more to do.

    Whoever finds the lock taken leaves word, and the holder looks once more after letting go:
    what was rung for is not left lying until the next tick.
    """
    settings = current_settings()
    doorbell.answer(bell)
    writer = SingleWriterLock(fleet.redis, lease_seconds=settings.lock_lease_seconds)
    deadline = time.monotonic() + settings.advance_budget_seconds
    left_word = False
    while True:
        with writer.try_acquire(lock) as extend:
            more = extend is not None and work(extend, deadline)
        if extend is None:
            if left_word:
                return False
            doorbell.leave_word(bell)
            left_word = True
        elif more or not doorbell.word_was_left(bell):
            return more
