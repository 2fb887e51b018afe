"""A worker's memory of aggregates: used optimistically, proven by the version check."""

from threading import Lock
from typing import Any

from cachetools import TTLCache

from domain.aggregate import Aggregate


class AggregateCache:
    """
    Aggregates as this process last saw them; another process may have moved them on.

    One is taken out to be worked on and put back once the store has its events, so a failure
    on the way leaves nothing half-changed behind.
    """

    def __init__(self, *, size: int, ttl_seconds: float) -> None:
        self._aggregates: TTLCache[str, Aggregate[Any, Any]] = TTLCache(size, ttl_seconds)
        self._lock = Lock()

    def take(self, id: str) -> Aggregate[Any, Any] | None:
        """Return the aggregate and forget it."""
        with self._lock:
            return self._aggregates.pop(id, None)

    def put(self, aggregate: Aggregate[Any, Any]) -> None:
        """Remember an aggregate without pending events."""
        if aggregate.pending:
            raise ValueError(f"{aggregate.id} has events that the store does not have")
        with self._lock:
            if self._aggregates.maxsize:
                self._aggregates[aggregate.id] = aggregate
