"""A standstill: the readers of two generations held for a moment, at one position."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from store import checkpoints
from store.checkpoints import Checkpoint
from store.engine import Role
from store.projection import Projection
from workers import doorbell
from workers.fleet import fleet, process_name
from workers.lock import SingleWriterLock
from workers.projecting import named, projector
from workers.settings import current_settings

POLL = 0.01
PATIENCE = 1.0


class NoStandstillError(Exception):
    """The readers of a projection could not be brought to a stand in time."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(name, seconds)
        self.name, self.seconds = name, seconds

    def __str__(self) -> str:
        return (
            f"{self.name} is built, but could not take its place within {self.seconds:g} s, "
            "because its tables are being read for long; it is tried again"
        )


@contextmanager
def standstill(name: str, standing: str) -> Iterator[list[Checkpoint] | None]:
    """
    Hold the locks of all live readers and of the other generation's; yields the latter.

    None: somebody else holds one of them. It is a courtesy: that nobody writes is for the
    checkpoints to see to.
    """
    lock = SingleWriterLock(fleet.redis, lease_seconds=current_settings().lock_lease_seconds)
    with fleet.database.connect(Role.READER) as connection:
        others = checkpoints.readers(connection, name, standing)
        everybody = [*checkpoints.readers(connection, name), *others]
    with ExitStack() as stack:
        for one in everybody:
            if not acquired(lock, f"projection:{one.projection_name}", stack):
                yield None
                return
        yield others


def acquired(lock: SingleWriterLock, name: str, stack: ExitStack) -> bool:
    """Try for a moment: a live reader under load holds its lock in short turns."""
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        if stack.enter_context(lock.try_acquire(name)) is not None:
            return True
        time.sleep(POLL)
    return False


def align(declared: Projection, readers: list[Checkpoint]) -> None:
    """Bring these readers to one position, which the live ones have not passed."""
    if readers[0].version != declared.version:
        return  # rows of other code: it goes on from where they stand
    everybody = (*live_readers(declared.name), *readers)
    target = max(one.last_global_sequence for one in everybody)
    for one in readers:
        position = checkpoints.take_over(fleet.database, one.projection_name, process_name())
        while position.last_global_sequence < target:
            advanced = projector(one.projection_name).advance(position, until=target)
            position = advanced.checkpoint


def live_readers(name: str) -> list[Checkpoint]:
    with fleet.database.connect(Role.READER) as connection:
        return checkpoints.readers(connection, name)


def wake(name: str) -> None:
    """Whoever came by meanwhile found the lock taken: let them come again."""
    doorbell.ring_for(named(name))
