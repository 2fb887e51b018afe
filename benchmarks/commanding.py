"""The contenders of `command`: commands on one side, tasks that do nothing on the other."""

import time
from collections.abc import Callable
from functools import partial
from uuid import uuid4

from benchmarks.harness import Answers, Contender, Effort, Pairing, compare, timed
from benchmarks.noop import DONE, noop
from domain.users import CreateUser
from store.engine import Connection
from store.inbox import Submission
from workers.fleet import fleet
from workers.submitting import submit, submit_many

PATIENCE = 120.0
POLL_SECONDS = 0.005
NOOP = "no-op task"
WAITING = "select exists (select from fleetlog.commands where status = 'accepted')"
# What was appended wakes a projection; whoever runs next must not pay for that.
BEHIND = """
select exists (select from fleetlog.projection_checkpoints
               where projection_name = 'user_directory' and last_global_sequence
                     < (select coalesce(max(global_sequence), 0) from fleetlog.events))
"""


def compared(witness: Connection, effort: Effort) -> Answers:
    """Yield the ratios: waiting for each answer, then for the last of many."""
    noops_one_by_one(1)  # once it answers the worker is up
    few, some, many = (20, 60, 300) if effort.quick else (50, 300, 2000)
    sides: dict[str, tuple[str, Callable[[], int], Callable[[], int]]] = {
        f"{few} one by one, waiting for each": (
            *("submit, get", partial(commands_one_by_one, few)),
            partial(noops_one_by_one, few),
        ),
        f"{some} at once, a message for each": (
            *("submit", partial(commands, witness, some)),
            partial(noops, some),
        ),
        f"{many:,} at once, a message for a hundred": (
            *("submit_many", partial(commands_in_bulk, witness, many)),
            partial(noops, some),
        ),
    }
    for case, (name, ours, theirs) in sides.items():
        yield from compare(
            *("command", case, "commands"),
            contenders={name: calm(witness, timed(ours)), NOOP: calm(witness, timed(theirs))},
            pairings=[Pairing(name, NOOP)],
            effort=effort.for_long_rounds,
        )


def calm(witness: Connection, contender: Contender) -> Contender:
    """Wait after a contender, outside its time, until its last effects are over."""

    def run() -> float:
        rate = contender()
        poll(lambda: not is_true(witness, BEHIND))
        return rate

    return run


def new_user() -> CreateUser:
    id = str(uuid4())
    return CreateUser(user_id=id, username="ada", email="ada@example.org")


def commands_one_by_one(number: int) -> int:
    for _ in range(number):
        submit(new_user()).get(timeout=PATIENCE)
    return number


def commands(witness: Connection, number: int) -> int:
    for _ in range(number):
        submit(new_user())
    poll(lambda: not is_true(witness, WAITING))
    return number


def commands_in_bulk(witness: Connection, number: int) -> int:
    many = (Submission(command_id=uuid4(), command=new_user()) for _ in range(number))
    accepted = sum(1 for _ in submit_many(many))
    poll(lambda: not is_true(witness, WAITING))
    return accepted


def noops_one_by_one(number: int) -> int:
    for _ in range(number):
        noop.delay()
        poll(lambda: fleet.redis.blpop([DONE], timeout=1) is not None)
    return number


def noops(number: int) -> int:
    for _ in range(number):
        noop.delay()
    poll(lambda: fleet.redis.llen(DONE) >= number)
    fleet.redis.delete(DONE)
    return number


def is_true(witness: Connection, question: str) -> bool:
    row = witness.execute(question).fetchone()
    return bool(row and row[0])


def poll(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the worker did not finish")
        time.sleep(POLL_SECONDS)
