"""A worker's heartbeat that waits for nobody: it is only news."""

from typing import Any

from celery.worker import heartbeat
from celery.worker.consumer.heart import Heart as CeleryHeart


class Heartbeat(heartbeat.Heart):
    """
    Keeps what cannot be sent now for later, as the other events of a worker are kept.

    Celery's own tries again until it succeeds, in the loop that does everything else: while the
    broker is silent the worker neither notices what else is wrong nor ends when it is asked to.
    """

    def _send(self, event: str, retry: bool = False) -> Any:  # noqa: ARG002, FBT001, FBT002 - Celery's
        return super()._send(event, retry=False)  # type: ignore[misc]


class Heart(CeleryHeart):
    """Starts it where Celery would start its own."""

    def start(self, c: Any) -> None:
        interval = self.heartbeat_interval  # type: ignore[attr-defined]  # not in the stubs
        c.heart = Heartbeat(c.timer, c.event_dispatcher, interval)
        c.heart.start()
