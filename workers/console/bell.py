"""A hand on the doorbell that does not tire anybody: for many changes in a row."""

import time
from collections.abc import Iterable

from workers.doorbell import ring

EVERY = 0.5  # seconds
SHARE = 0.1  # of our time that ringing may take, where the broker is slow or away


class Bell:
    """Rings for what has grown, now and then, and when told for the last time."""

    def __init__(self) -> None:
        self._grown: set[str] = set()
        self._next = 0.0

    def ring(self, aggregate_types: Iterable[str]) -> None:
        """Ring for these types, at once or with the next."""
        self._grown.update(aggregate_types)
        if time.monotonic() >= self._next:
            self.ring_last()

    def ring_last(self) -> None:
        """Ring for all that nobody has been told of."""
        if not self._grown:
            return
        start = time.monotonic()
        ring(self._grown)
        self._grown.clear()
        now = time.monotonic()
        self._next = now + max(EVERY, (now - start) / SHARE)
