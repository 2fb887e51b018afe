"""Processes that append at the same time, each over its own connections, all told by pipe."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Any, NamedTuple, TypeAlias

from benchmarks.harness import Contender

# Appends one transaction's events when called.
Operation: TypeAlias = Callable[[], object]
START = multiprocessing.get_context("spawn")
SLACK = 30.0  # seconds after which a writer that does not answer counts as dead


class Order(NamedTuple):
    """What a writer is told: who it is now, how many events a transaction, for how long."""

    name: str
    events: int
    seconds: float


class Count(NamedTuple):
    events: int
    seconds: float


@dataclass(frozen=True)
class Writers:
    """A number of writers that begin together when told."""

    pipes: list[Pipe]

    def contender(self, order: Order) -> Contender:
        """Return what lets all of them follow `order`, and adds up their rates."""

        def run() -> float:
            for pipe in self.pipes:
                pipe.send(order)
            return sum(count.events / count.seconds for count in self._counts())

        return run

    def _counts(self) -> Iterator[Count]:
        for pipe in self.pipes:
            if not pipe.poll(SLACK):
                raise TimeoutError("a writer does not answer")
            yield pipe.recv()


@contextmanager
def writers(number: int, make: Callable[..., Operation], *arguments: Any) -> Iterator[Writers]:
    """Start `number` processes; each makes its operations by `make(name, events, *arguments)`."""
    barrier = START.Barrier(number)
    with ExitStack() as stack:
        pipes = []
        for _ in range(number):
            ours, theirs = START.Pipe()
            process = START.Process(
                target=serve, args=(theirs, barrier, make, arguments), daemon=True
            )
            process.start()
            theirs.close()
            stack.callback(process.join)
            pipes.append(ours)
        try:
            yield Writers(pipes)
        finally:
            for pipe in pipes:
                pipe.close()


def serve(pipe: Pipe, barrier: Any, make: Callable[..., Operation], arguments: Any) -> None:
    """Follow orders until the pipe is closed; connections are made on the first of a kind."""
    operations: dict[tuple[str, int], Operation] = {}
    while True:
        try:
            order = pipe.recv()
        except EOFError:
            return
        kind = order.name, order.events
        if kind not in operations:
            operations[kind] = make(*kind, *arguments)
        barrier.wait(SLACK)
        pipe.send(follow(order, operations[kind]))


def follow(order: Order, operation: Operation) -> Count:
    done, begun = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - begun) < order.seconds:
        operation()
        done += order.events
    return Count(done, elapsed)
