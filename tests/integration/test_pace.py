"""The pace of a subscription, kept in Redis for all who send."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from tests.fleets import TestFleet
from workers.delivering.channel import PostponedError
from workers.delivering.pace import Pace


def test_all_threads_together_keep_the_pace(town: TestFleet) -> None:
    with town.client() as redis, ThreadPoolExecutor(4) as pool:
        began = time.monotonic()
        for turn in [pool.submit(Pace(redis, "steady", 1200).wait) for _ in range(8)]:
            turn.result()

    assert time.monotonic() - began >= 7 * 0.05


def test_who_would_wait_for_long_is_told_when_to_come_back(town: TestFleet) -> None:
    with town.client() as redis:
        Pace(redis, "slow", 2).wait()
        Pace(redis, "another", 2).wait()
        with pytest.raises(PostponedError) as later:
            Pace(redis, "slow", 2).wait()

    assert 20 < later.value.seconds <= 30
    assert not later.value.counted


def test_without_redis_everybody_waits(town: TestFleet) -> None:
    nowhere = Redis(unix_socket_path=str(town.home / "nowhere"))

    with pytest.raises(PostponedError, match="Redis, which keeps the pace, is away") as later:
        Pace(nowhere, "steady", 1200).wait()

    assert not later.value.counted
    nowhere.close()
