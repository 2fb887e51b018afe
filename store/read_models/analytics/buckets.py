"""A histogram with fixed, named buckets: enough for a median, and each event changes one row."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

MICROSECOND = timedelta(microseconds=1)

EARLIER = "earlier"
"""Below zero: the clocks of other systems may say that an order was paid before it was placed."""
UPPER_BOUNDS: Mapping[str, timedelta] = {
    "1 second": timedelta(seconds=1),
    "10 seconds": timedelta(seconds=10),
    "1 minute": timedelta(minutes=1),
    "10 minutes": timedelta(minutes=10),
    "1 hour": timedelta(hours=1),
    "6 hours": timedelta(hours=6),
    "1 day": timedelta(days=1),
    "3 days": timedelta(days=3),
    "1 week": timedelta(weeks=1),
    "2 weeks": timedelta(weeks=2),
    "30 days": timedelta(days=30),
    "90 days": timedelta(days=90),
}
"""Each with the longest time that is still within it."""
LONGER = "longer"
NAMES = (EARLIER, *UPPER_BOUNDS, LONGER)


def bucket_of(length: timedelta) -> str:
    """Return the name of the first bucket that a length of time fits into."""
    if length < timedelta():
        return EARLIER
    return next((name for name, bound in UPPER_BOUNDS.items() if length <= bound), LONGER)


def seconds(length: timedelta) -> Decimal:
    """Return a length of time exactly."""
    return Decimal(length // MICROSECOND).scaleb(-6)


def quantile(counts: Mapping[str, int], share: float) -> timedelta | None:
    """
    Estimate below which length `share` of all lie: 0.5 for the median; None if there are none.

    Within a bucket they are taken to lie evenly. What falls into the last one, which has no end,
    is answered by its beginning; what falls below zero, by zero.
    """
    rank = share * sum(counts.values())
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, got {share}")
    lower, below = timedelta(), counts.get(EARLIER, 0)
    if rank <= below:
        return lower if sum(counts.values()) else None
    for name, upper in UPPER_BOUNDS.items():
        within = counts.get(name, 0)
        if rank <= below + within:
            return lower + (upper - lower) * ((rank - below) / within)
        lower, below = upper, below + within
    return lower
