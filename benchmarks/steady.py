"""A steady load of commands, and a witness who looks all the time for the rows they lead to."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Event
from uuid import UUID, uuid4

from benchmarks.commanding import PATIENCE, new_user, poll
from benchmarks.stage import Stage
from domain.users import CreateUser
from store.engine import Connection
from workers.submitting import submit

WARM_UP = 2.0  # seconds that are not counted: connections are made, plans are cached
LOOK_EVERY = 0.004  # what this adds to an age counts against us
SEEN = """
select user_id, clock_timestamp() from fleetlog_read_models.user_read_model
where user_id = any (%b::text[])
"""
DONE = "select finished_at from fleetlog.commands where command_id = %b"


def ages_under_load(
    servers: Stage, per_second: int, seconds: float, enough: Callable[[], bool] = lambda: False
) -> list[float]:
    """
    Return how many milliseconds after its command each row was seen, in ascending order.

    The load goes on for `seconds`, or until there is `enough` of it.
    """
    waiting: dict[str, UUID] = {}
    over = Event()
    submit(new_user()).get(timeout=PATIENCE)  # once it answers the worker is up, with its tables
    with servers.owner() as eyes, ThreadPoolExecutor() as threads:
        witness = threads.submit(watch, eyes, waiting, over)
        try:
            load(waiting, per_second, seconds + WARM_UP, enough)
            poll(lambda: not waiting or witness.done())
        finally:
            over.set()
        seen = witness.result(PATIENCE)
        counted = list(seen.items())[int(WARM_UP * per_second) :]
        return sorted(ages(eyes, dict(counted)))


def load(
    waiting: dict[str, UUID], per_second: int, seconds: float, enough: Callable[[], bool]
) -> None:
    """Submit at an even pace, whatever becomes of it."""
    begun = time.monotonic()
    for number in range(int(per_second * seconds)):
        if enough():
            return
        due = begun + number / per_second
        time.sleep(max(0.0, due - time.monotonic()))
        name, command_id = str(uuid4()), uuid4()
        waiting[name] = command_id
        command = CreateUser(user_id=name, username="ada", email="ada@example.org")
        submit(command, command_id=command_id)


def watch(eyes: Connection, waiting: dict[str, UUID], over: Event) -> dict[UUID, datetime]:
    """Look for rows until told that it is over; returns when each was first seen."""
    seen: dict[UUID, datetime] = {}
    while not over.is_set():
        for name, at in eyes.execute(SEEN, (list(waiting) or [""],), binary=True).fetchall():
            seen[waiting.pop(name)] = at
        time.sleep(LOOK_EVERY)
    return seen


def ages(eyes: Connection, seen: dict[UUID, datetime]) -> Iterator[float]:
    """Yield the time between the command's end and the first sight; both by the server's clock."""
    for command_id, at in seen.items():
        row = eyes.execute(DONE, (command_id,), binary=True).fetchone()
        if row:
            yield (at - row[0]).total_seconds() * 1000
