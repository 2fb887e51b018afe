"""The threads that deliver: each takes one aggregate's events in order, several work at once."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import Empty, SimpleQueue
from threading import Event, local
from types import TracebackType
from typing import NamedTuple, Self

from workers.delivering.channel import Channel, NothingToSendError, Outgoing


class Outcome(NamedTuple):
    """One attempt: arrived, or failed with an error; `judged` once it is known what follows."""

    outgoing: Outgoing
    error: Exception | None
    judged: Event


class Crew:
    """
    A few threads with a channel each.

    A later event of an aggregate never leaves before the earlier one has arrived: a lane is
    worked off by one thread and ends at the first failure.
    """

    def __init__(self, make: Callable[[], Channel], size: int, deadline: float) -> None:
        self.size = size
        self._make = make
        self._deadline = deadline
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="delivering")
        self._own = local()
        self._channels: list[Channel] = []
        self._lanes: dict[str, Future[None]] = {}
        self._outcomes: SimpleQueue[Outcome] = SimpleQueue()
        self._stopped = Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for channel in self._channels:
            channel.close()

    def start(self, lane: Sequence[Outgoing]) -> None:
        """Have the events of one aggregate delivered in this order, as soon as a thread is free."""
        self._lanes[lane[0].event.aggregate_id] = self._threads.submit(self._work_off, lane)

    def stop(self) -> None:
        """Send nothing more; what is on its way may still arrive."""
        self._stopped.set()

    @property
    def over(self) -> bool:
        """Whether nothing more will be sent, because of the time or because we were stopped."""
        return self._stopped.is_set() or time.monotonic() > self._deadline

    def busy(self) -> set[str]:
        """Return the aggregates that are still worked on; the outcomes of all others are there."""
        self._lanes = {id: lane for id, lane in self._lanes.items() if not lane.done()}
        return set(self._lanes)

    def outcomes(self, seconds: float = 0.0) -> list[Outcome]:
        """Return what has come in, waiting for the first one as long as this."""
        found: list[Outcome] = []
        try:
            found.append(
                self._outcomes.get(timeout=seconds) if seconds else self._outcomes.get_nowait()
            )
            while True:
                found.append(self._outcomes.get_nowait())
        except Empty:
            return found

    def wait(self, seconds: float) -> bool:
        """Wait for all lanes as long as this; returns whether they have ended."""
        return not wait(self._lanes.values(), timeout=seconds).not_done

    def _work_off(self, lane: Sequence[Outgoing]) -> None:
        for outgoing in lane:
            if self.over:
                return
            error = self._attempt(outgoing)
            outcome = Outcome(outgoing, error, Event())
            self._outcomes.put(outcome)
            if error is not None and not isinstance(error, NothingToSendError):
                self._hear(outcome)
                return

    def _hear(self, outcome: Outcome) -> None:
        """After a failure, send nothing more before it is known whether the circuit has opened."""
        while not outcome.judged.wait(0.1) and not self.over:
            pass

    def _attempt(self, outgoing: Outgoing) -> Exception | None:
        try:
            self._channel().send(outgoing)
        except NothingToSendError as nothing:
            return nothing  # of which the connection has not even heard
        except Exception as error:  # noqa: BLE001 - whatever it is, it counts as not sent
            self._let_go()
            return error
        return None

    def _channel(self) -> Channel:
        channel: Channel | None = getattr(self._own, "channel", None)
        if channel is None:
            channel = self._own.channel = self._make()
            self._channels.append(channel)
        return channel

    def _let_go(self) -> None:
        """After a failure, begin with a connection of which nothing is known to be wrong."""
        channel: Channel | None = getattr(self._own, "channel", None)
        if channel is not None:
            channel.close()
