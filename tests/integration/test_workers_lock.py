"""The lock that says no instead of waiting; a dead holder loses it, a lost Redis stops nobody."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.fleets import broker
from tests.polling import eventually
from workers.lock import SingleWriterLock

NOBODY = "unix:///nobody/listens/here.sock"
NAME = "fleetlog:lock:work"


@pytest.fixture(scope="module")
def redis() -> "Iterator[Redis]":
    with broker() as (url, _):
        client = Redis.from_url(url)
        yield client
        client.close()


@pytest.fixture
def lock(redis: Redis) -> SingleWriterLock:
    redis.flushall()
    return SingleWriterLock(redis, lease_seconds=30)


def test_only_one_holds_it_at_a_time(lock: SingleWriterLock) -> None:
    with (
        lock.try_acquire("work") as first,
        lock.try_acquire("work") as second,
        lock.try_acquire("other work") as other,
    ):
        pass
    with lock.try_acquire("work") as third:
        pass

    assert first is not None
    assert second is None
    assert other is not None
    assert third is not None


def test_it_is_let_go_when_the_holder_fails(lock: SingleWriterLock) -> None:
    with pytest.raises(ZeroDivisionError), lock.try_acquire("work"):
        raise ZeroDivisionError

    with lock.try_acquire("work") as again:
        assert again is not None


def test_a_holder_that_does_not_extend_loses_it(redis: Redis) -> None:
    short = SingleWriterLock(redis, lease_seconds=0.05)
    with short.try_acquire("work") as first:
        assert first is not None
        eventually(lambda: not redis.exists(NAME))
        with short.try_acquire("work") as second:
            token = redis.get(NAME)
            first()  # too late, and nobody else's lease is touched

            assert second is not None
            assert redis.get(NAME) == token


def test_an_extension_is_a_whole_lease_from_now(lock: SingleWriterLock, redis: Redis) -> None:
    with lock.try_acquire("work") as extend:
        assert extend is not None
        redis.pexpire(NAME, 5_000)
        for _ in range(3):
            extend()
        left = redis.pttl(NAME)

    assert 25_000 < left <= 30_000


def test_without_redis_everybody_goes_ahead() -> None:
    gone: Redis = Redis.from_url(NOBODY)
    lock = SingleWriterLock(gone, lease_seconds=30)
    with lock.try_acquire("work") as first, lock.try_acquire("work") as second:
        assert first is not None
        assert second is not None
        first()
    gone.close()
