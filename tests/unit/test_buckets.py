"""The histogram: every length of time has its bucket, and a quantile is found among them."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from store.read_models.analytics.buckets import (
    EARLIER,
    LONGER,
    MICROSECOND,
    NAMES,
    UPPER_BOUNDS,
    bucket_of,
    quantile,
    seconds,
)

HOURS = 3600


def test_a_length_on_the_bound_is_still_within_and_the_next_one_is_not() -> None:
    for name, following in zip(UPPER_BOUNDS, [*list(UPPER_BOUNDS)[1:], LONGER], strict=True):
        bound = UPPER_BOUNDS[name]

        assert bucket_of(bound) == name
        assert bucket_of(bound + MICROSECOND) == following


def test_no_time_at_all_is_in_the_first_bucket_and_less_than_none_in_its_own() -> None:
    assert bucket_of(timedelta()) == "1 second"
    assert bucket_of(-MICROSECOND) == EARLIER


def test_the_bounds_grow() -> None:
    assert list(UPPER_BOUNDS.values()) == sorted(set(UPPER_BOUNDS.values()))


def test_seconds_are_exact_below_zero_too() -> None:
    assert seconds(timedelta(days=10_000, microseconds=1)) == Decimal("864000000.000001")
    assert seconds(-MICROSECOND) == Decimal("-0.000001")


def test_a_median_lies_within_its_bucket_in_proportion() -> None:
    assert quantile({"1 hour": 2}, 0.5) == timedelta(minutes=35)
    assert quantile({"1 minute": 1, "6 hours": 3, LONGER: 4}, 0.5) == timedelta(hours=6)


def test_what_has_no_bound_is_answered_by_the_nearest_there_is() -> None:
    assert quantile({}, 0.5) is None
    assert quantile({LONGER: 3}, 0.95) == timedelta(days=90)
    assert quantile({EARLIER: 3}, 0.95) == timedelta()


@pytest.mark.parametrize("share", [0, -0.5, 1.5])
def test_a_share_is_a_part_of_the_whole(share: float) -> None:
    with pytest.raises(ValueError, match="share must be above 0 and at most 1"):
        quantile({"1 hour": 1}, share)


lengths = some.lists(some.integers(0, 200 * 24 * HOURS), min_size=1, max_size=40)


@given(lengths, some.sampled_from([0.1, 0.5, 0.95, 1.0]))
def test_an_estimate_is_never_outside_the_true_quantiles_bucket(
    found: list[int], share: float
) -> None:
    spans = sorted(timedelta(seconds=one) for one in found)
    counts = dict.fromkeys(NAMES, 0)
    for one in spans:
        counts[bucket_of(one)] += 1
    estimate = quantile(counts, share)
    rank = next(n for n in range(1, len(spans) + 1) if n >= share * len(spans))
    bounds = [timedelta(), *UPPER_BOUNDS.values(), UPPER_BOUNDS["90 days"]]
    place = NAMES.index(bucket_of(spans[rank - 1]))

    assert estimate is not None
    assert bounds[place - 1] <= estimate <= bounds[place]
