"""The broker is empty: nothing waits, nothing was taken and not acknowledged."""

from collections.abc import Iterator

from tests.chaos.evidence import Evidence, Facts
from tests.chaos.messages import left_over


def check_broker(evidence: Evidence, _: Facts) -> Iterator[str]:
    yield from left_over(evidence.redis)
