"""
Commands that eat their process's memory: tried so often and no more, and nobody else suffers.

The SIGKILL is ours: a thread of the test sends it to a child that holds more than 256 MB, where the
kernel would under memory pressure. To the fleet it is the same signal from outside; that a kernel
picks this child, and not another process, is not shown here.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import Event, Thread

import psutil
import pytest
from celery.result import AsyncResult

from store.inbox import CommandState
from tests.chaos.hoarding import ALLOWANCE
from tests.conftest import TestDatabase
from tests.fleets import DOMAIN, TestFleet, a_fleet, connected
from tests.integration.inboxes import notes
from tests.polling import eventually
from tests.processes import Process, started
from tests.toys import Ring
from workers.command_tasks import wake
from workers.errors import CommandNotDoneError
from workers.fleet import fleet
from workers.results import command_id_of
from workers.submitting import submit

SECONDS = 90
ATTEMPTS = 3
OTHERS = 20
GLUTTON = "glutton"
SETTINGS = {
    "FLEETLOG_DOMAIN": f"{DOMAIN},tests.chaos.hoarding",
    "FLEETLOG_COMMAND_ATTEMPTS": str(ATTEMPTS),
    "FLEETLOG_RELAY_AFTER_SECONDS": "3",
}
BEAT = ("-m", "celery", "-A", "workers.app", "beat", "--pidfile=")
FREE_TRY = 1  # a command is charged for every try but its first


@contextmanager
def out_of_memory_killer(worker: Process) -> Iterator[Counter[int]]:
    """
    SIGKILL whichever child of the worker has grown too big, in the place of the kernel's.

    Ours knows which processes are the test's, and needs no rights. Yields the pids it killed.
    """
    killed: Counter[int] = Counter()
    over = Event()

    def watch() -> None:
        while not over.wait(0.05):
            for child in psutil.Process(worker.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if child.memory_info().rss > ALLOWANCE:
                        child.kill()
                        killed[child.pid] += 1

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield killed
    finally:
        over.set()
        watcher.join()


@pytest.fixture
def hoarders(fresh: TestDatabase) -> Iterator[TestFleet]:
    with a_fleet(fresh, **SETTINGS) as made, connected(made.environment):
        yield made


def test_a_command_whose_child_is_killed_for_its_memory_is_parked_and_the_others_flow(
    hoarders: TestFleet,
) -> None:
    """With a beat, so with the relay: Celery itself sends a message on only three times."""
    with beat(hoarders), hoarders.worker() as worker, out_of_memory_killer(worker) as killed:
        glutton, others = order_a_meal(hoarders, "hoard")
        versions = [result.get(timeout=SECONDS)["version"] for result in others]
        reason = parked_for(glutton)
        attempts = [state(result).attempts for result in (glutton, *others)]
        deaths = killed.total()
        (hoarders.faults / GLUTTON).unlink()
        retry(glutton)

    assert versions == OTHERS * [1]
    assert reason.endswith(f"died or was cut off, {ATTEMPTS} times in a row")
    assert attempts == [ATTEMPTS, *OTHERS * [0]]
    assert ATTEMPTS <= deaths <= ATTEMPTS + FREE_TRY
    assert notes(fleet.store, GLUTTON) == [1]


def test_a_command_that_is_given_no_more_memory_is_parked_and_its_process_lives_on(
    hoarders: TestFleet,
) -> None:
    with hoarders.worker() as worker:
        before = children(worker)
        glutton, others = order_a_meal(hoarders, "limit")
        versions = [result.get(timeout=SECONDS)["version"] for result in others]
        parked_for(glutton)
        parked = state(glutton)
        attempts = [state(result).attempts for result in (glutton, *others)]
        after = children(worker)

    assert versions == OTHERS * [1]
    assert parked.error
    assert parked.error["type"] == "MemoryError"
    assert attempts == [ATTEMPTS, *OTHERS * [0]]
    assert after == before
    assert notes(fleet.store, GLUTTON) == []


def beat(hoarders: TestFleet) -> AbstractContextManager[Process]:
    log = hoarders.home / "beat.log"
    return started(*BEAT, environment=hoarders.environment, log=log, ready="beat v")


def order_a_meal(
    hoarders: TestFleet, fault: str
) -> tuple["AsyncResult[dict[str, int]]", list["AsyncResult[dict[str, int]]"]]:
    """Submit a command with this fault, and after it those of other toys."""
    (hoarders.faults / GLUTTON).write_text(fault)
    glutton = submit(Ring(toy_id=GLUTTON, note=1))
    return glutton, [submit(Ring(toy_id=f"toy-{n}", note=n)) for n in range(OTHERS)]


def parked_for(result: "AsyncResult[dict[str, int]]") -> str:
    with pytest.raises(CommandNotDoneError) as parked:
        result.get(timeout=SECONDS)
    return parked.value.reason


def state(result: "AsyncResult[dict[str, int]]") -> CommandState:
    found = fleet.inbox.find(command_id_of(str(result.id)))
    assert found
    return found


def retry(result: "AsyncResult[dict[str, int]]") -> None:
    fleet.inbox.retry([command_id_of(str(result.id))])
    wake("Ring", str(result.id))
    eventually(lambda: state(result).status == "done", SECONDS)


def children(worker: Process) -> set[int]:
    return {child.pid for child in psutil.Process(worker.pid).children(recursive=True)}
