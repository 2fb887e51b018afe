"""One writer at a time, chosen by Redis; that nobody else writes is proven by the checkpoint."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

import structlog
from redis import Redis
from redis.exceptions import LockError, RedisError

log = structlog.get_logger(__name__)

Extend: TypeAlias = Callable[[], None]


class SingleWriterLock:
    """A lock that says no instead of waiting, and that a dead holder loses after its lease."""

    def __init__(self, redis: Redis, *, lease_seconds: float) -> None:
        self._redis = redis
        self._lease = lease_seconds

    @contextmanager
    def try_acquire(self, name: str) -> Iterator[Extend | None]:
        """
        Yield a function that renews the lease, or None when somebody else holds the lock.

        Without Redis we go ahead: two writers at once are then possible, and harmless, because
        the checkpoint lets only one of them write.
        """
        lock = self._redis.lock(f"fleetlog:lock:{name}", timeout=self._lease, blocking=False)
        try:
            acquired = bool(lock.acquire())
        except RedisError as error:
            log.warning("no lock server, going ahead without", lock=name, error=str(error))
            yield do_nothing
            return
        if not acquired:
            yield None
            return

        def extend() -> None:
            # Lost meanwhile or unreachable: the checkpoint will tell whether we may go on.
            with suppress(RedisError):
                lock.extend(self._lease, replace_ttl=True)

        try:
            yield extend
        finally:
            with suppress(LockError, RedisError):
                lock.release()


def do_nothing() -> None:
    pass
