"""The contenders of `command`: the same number of commands, or of tasks that do nothing."""

import time
from collections.abc import Callable
from uuid import uuid4

from benchmarks.harness import Answers, Contender, Effort, Pairing, compare
from benchmarks.noop import DONE, noop
from domain.users import CreateUser
from store.engine import Connection
from store.inbox import Submission
from workers.fleet import fleet
from workers.submitting import submit, submit_many

PATIENCE = 120.0
POLL_SECONDS = 0.005
WAITING = "select exists (select from fleetlog.commands where status = 'accepted')"
# Projections are woken by what was appended; the next contender must not pay for that.
BEHIND = """
select exists (select from fleetlog.projection_checkpoints
               where projection_name = 'user_directory' and last_global_sequence
                     < (select coalesce(max(global_sequence), 0) from fleetlog.events))
"""


def compared(witness: Connection, effort: Effort) -> Answers:
    """Yield the ratios, first waiting for each answer, then for the last of many."""
    noops_one_by_one(1)()  # the worker is up when it answers
    one_by_one, many = (20, 300) if effort.quick else (100, 2000)
    contenders = {
        "submit, get": calm(witness, commands_one_by_one(one_by_one)),
        "no-op": calm(witness, noops_one_by_one(one_by_one)),
    }
    pairings = [Pairing("submit, get", "no-op")]
    case = f"{one_by_one} one by one, waiting for each"
    yield from compare(
        "command", case, "commands", contenders=contenders, pairings=pairings, effort=effort
    )
    contenders = {
        "submit": calm(witness, commands(witness, many)),
        "submit_many": calm(witness, commands_in_bulk(witness, many)),
        "no-op": calm(witness, noops(many)),
    }
    pairings = [Pairing("submit", "no-op"), Pairing("submit_many", "no-op")]
    case = f"{many:,} at once"
    yield from compare(
        "command", case, "commands", contenders=contenders, pairings=pairings, effort=effort
    )


def new_user() -> CreateUser:
    id = str(uuid4())
    return CreateUser(user_id=id, username="ada", email="ada@example.org")


def commands_one_by_one(number: int) -> Contender:
    def run() -> float:
        begun = time.perf_counter()
        for _ in range(number):
            submit(new_user()).get(timeout=PATIENCE)
        return number / (time.perf_counter() - begun)

    return run


def noops_one_by_one(number: int) -> Contender:
    def run() -> float:
        begun = time.perf_counter()
        for _ in range(number):
            noop.delay()
            if fleet.redis.blpop([DONE], timeout=4) is None:
                poll(lambda: fleet.redis.lpop(DONE) is not None)
        return number / (time.perf_counter() - begun)

    return run


def commands(witness: Connection, number: int) -> Contender:
    def run() -> float:
        begun = time.perf_counter()
        for _ in range(number):
            submit(new_user())
        poll(lambda: not is_true(witness, WAITING))
        return number / (time.perf_counter() - begun)

    return run


def commands_in_bulk(witness: Connection, number: int) -> Contender:
    def run() -> float:
        begun = time.perf_counter()
        many = (Submission(command_id=uuid4(), command=new_user()) for _ in range(number))
        for _ in submit_many(many):
            pass
        poll(lambda: not is_true(witness, WAITING))
        return number / (time.perf_counter() - begun)

    return run


def noops(number: int) -> Contender:
    def run() -> float:
        begun = time.perf_counter()
        for _ in range(number):
            noop.delay()
        poll(lambda: fleet.redis.llen(DONE) >= number)
        rate = number / (time.perf_counter() - begun)
        fleet.redis.delete(DONE)
        return rate

    return run


def calm(witness: Connection, contender: Contender) -> Contender:
    """Wait after a contender, outside its time, until its last effects are over."""

    def run() -> float:
        rate = contender()
        poll(lambda: not is_true(witness, BEHIND))
        return rate

    return run


def is_true(witness: Connection, question: str) -> bool:
    row = witness.execute(question).fetchone()
    return bool(row and row[0])


def poll(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the worker did not finish")
        time.sleep(POLL_SECONDS)
