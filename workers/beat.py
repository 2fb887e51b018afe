"""A beat for production: several may run, one at a time ticks, and a flushed broker ends none."""

from typing import Any

import structlog
from celery.signals import beat_init
from redbeat.schedulers import (
    LUA_EXTEND_TO_SCRIPT,
    RedBeatScheduler,
    acquire_distributed_beat_lock,
    get_redis,
    to_timestamp,
)
from redis.exceptions import LockError, RedisError

log = structlog.get_logger(__name__)

# RedBeat waits for its lock before the beat begins, deaf to signals, and ends when it loses it.
beat_init.disconnect(acquire_distributed_beat_lock)


class Scheduler(RedBeatScheduler):  # type: ignore[misc]  # RedBeat has no types
    """
    RedBeat that stands by while another beat ticks, and outlives its broker.

    The schedule lies in the broker, but it is made of our own table: when it is gone, with the
    lock or without, it is built again. A tick that runs twice in between is harmless.
    """

    def setup_schedule(self) -> None:
        """Write the schedule into the broker; without a broker the first tick does it."""
        try:
            super().setup_schedule()
        except RedisError as error:
            log.warning("broker out of reach, the schedule has to wait", error=str(error))

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due if it is our turn; returns the seconds until the next look."""
        interval = float(self.max_interval)
        try:
            if self.has_turn():
                interval = float(super().tick(*args, **kwargs))
        except LockError:
            log.warning("another beat may have taken over: standing by")
            self.lock = None
        except (RedisError, OSError) as error:
            log.warning("broker out of reach, trying again", error=str(error))
        return interval

    def has_turn(self) -> bool:
        """Return whether we hold the lock; who just got it, or finds no schedule, builds one."""
        client = get_redis(self.app)
        if self.lock is None:
            lock = client.lock(self.lock_key, timeout=self.lock_timeout)
            # As RedBeat does: an extension sets the time that is left instead of adding to it.
            lock.lua_extend = client.register_script(LUA_EXTEND_TO_SCRIPT)
            if not lock.acquire(blocking=False):
                return False
            self.lock = lock
            log.info("this beat ticks now")
            self.forget_the_future()
        elif client.exists(self.app.redbeat_conf.schedule_key) and not self.forget_the_future():
            return True
        self.setup_schedule()
        return True

    def forget_the_future(self) -> bool:
        """
        Forget when our entries ran last, if that was by a clock ahead of ours; returns whether.

        Nothing would be sent until that time comes: for hours after a clock was set back, or
        after taking over from a beat whose clock was wrong.
        """
        client, conf = get_redis(self.app), self.app.redbeat_conf
        due = dict(client.zrange(conf.schedule_key, 0, -1, withscores=True))
        latest = to_timestamp(self.app.now()) + self.max_interval
        keys = {self.Entry.generate_key(self.app, name): e for name, e in conf.schedule.items()}
        ahead = [key for key, e in keys.items() if due.get(key, 0) > latest + e["schedule"]]
        for key in ahead:
            client.hdel(key, "meta")
        return bool(ahead)

    def close(self) -> None:
        """Let the next beat tick at once; a broker that is away forgets the lock by itself."""
        try:
            super().close()
        except RedisError as error:
            log.warning("broker out of reach, the lock stays until it expires", error=str(error))
