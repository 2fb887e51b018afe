"""
A process that advances the shelf of toys once, and stops where it is told to.

`python -m tests.integration.advancer in-a-batch|between-batches|nowhere`; it says where it is,
waits for a line, goes on, and says how it ended.
"""

import sys
from typing import Any

import structlog

from store import engine
from store.engine import Role
from store.recorded import RecordedEvent
from tests.toy_shelf import ToyShelf
from workers import projecting
from workers.lock import Extend


def pause(_: object = None) -> None:
    print("here I am", flush=True)
    sys.stdin.readline()


class Registered(ToyShelf, name="toy_shelf"):
    """The same for the registry, from which workers take what they advance."""

    stops_in_a_batch = False

    def evolve_row(self, row: Any, event: RecordedEvent) -> Any:
        if self.stops_in_a_batch:
            self.stops_in_a_batch = False
            pause()
        return super().evolve_row(row, event)


def main(where: str) -> None:
    # A session that sleeps within a batch holds the checkpoint, until the server has had enough.
    engine.TIMEOUTS[Role.PROJECTOR]["idle_in_transaction_session_timeout"] = "500ms"
    structlog.configure(logger_factory=structlog.PrintLoggerFactory())
    if where == "in-a-batch":
        Registered.stops_in_a_batch = True
    elif where == "between-batches":
        stop_between_batches()
    try:
        projecting.advance("toy_shelf")
    except Exception as error:  # noqa: BLE001 - told to whoever started us
        print(f"ended with {type(error).__name__}", flush=True)
    else:
        print("ended well", flush=True)


def stop_between_batches() -> None:
    catch_up = projecting.catch_up

    def slowly(name: str, extend: Extend, deadline: float) -> bool:
        def extended() -> None:
            pause()
            extend()

        # As if it had looked at the clock just before it fell asleep.
        return catch_up(name, extended, deadline + 60)

    projecting.catch_up = slowly


if __name__ == "__main__":
    main(sys.argv[1])
