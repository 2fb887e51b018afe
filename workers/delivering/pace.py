"""The pace of a subscription: so many a minute, whichever workers and threads send them."""

import time

from redis import Redis
from redis.exceptions import RedisError

from workers.delivering.channel import PostponedError

PATIENCE = 3.0  # seconds that a thread waits for its turn before others of its crew get on
AWAY = 5.0  # seconds after which to look for a lost Redis again


class Pace:
    """One turn every so many milliseconds: while the key is in Redis, it is nobody's."""

    def __init__(self, redis: Redis, subscription: str, per_minute: int) -> None:
        self._redis = redis
        self._key = f"fleetlog:pace:{subscription}"
        self._milliseconds = max(1, 60_000 // per_minute)

    def wait(self) -> None:
        """
        Return when it is our turn; raises PostponedError if that is not soon.

        Without Redis nobody's turn comes: mail waits, and no provider is flooded.
        """
        give_up = time.monotonic() + PATIENCE
        try:
            while (left := self._left()) > 0:
                if time.monotonic() + left > give_up:
                    raise PostponedError("its turn has not come", left, counted=False)
                time.sleep(left)
        except RedisError as error:
            reason = f"Redis, which keeps the pace, is away: {type(error).__name__}"
            raise PostponedError(reason, AWAY, counted=False) from None

    def _left(self) -> float:
        """Take the turn and return 0, or return the seconds until the next."""
        if self._redis.set(self._key, b"", px=self._milliseconds, nx=True):
            return 0.0
        left: int = self._redis.pttl(self._key)
        return max(left, 1) / 1000
