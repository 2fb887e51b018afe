"""A worker's memory of aggregates."""

import pytest

from store.cache import AggregateCache
from tests.toys import Rang, Toy


def test_what_is_taken_is_gone_until_it_is_put_back() -> None:
    cache = AggregateCache(size=10, ttl_seconds=60)
    toy = Toy("a").replay([Rang(note=1)])
    cache.put(toy)
    taken = [cache.take("a"), cache.take("a")]
    cache.put(toy)

    assert taken == [toy, None]
    assert cache.take("a") is toy


def test_an_aggregate_with_events_that_the_store_does_not_have_is_not_remembered() -> None:
    cache = AggregateCache(size=10, ttl_seconds=60)
    toy = Toy("a")
    toy.record(Rang(note=1))

    with pytest.raises(ValueError, match="a has events that the store does not have"):
        cache.put(toy)
    assert cache.take("a") is None


def test_the_least_used_makes_room() -> None:
    cache = AggregateCache(size=2, ttl_seconds=60)
    for name in "abc":
        cache.put(Toy(name))

    assert [cache.take(name) is not None for name in "abc"] == [False, True, True]


def test_a_memory_of_no_size_remembers_nothing() -> None:
    cache = AggregateCache(size=0, ttl_seconds=60)
    cache.put(Toy("a"))

    assert cache.take("a") is None
