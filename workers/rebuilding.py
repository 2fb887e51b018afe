"""
Rebuilding a projection without anyone noticing.

The next generation is built in short slices by whoever has time, caught up, and swapped in; all
that is known of it lies in its checkpoints, so whoever comes next goes on where the last one died.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg
import structlog
from psycopg import errors

from store import checkpoints, generations
from store.checkpoints import Checkpoint
from store.comparing import Comparison, compare, frozen
from store.engine import Connection, Role
from store.errors import FencedError, GenerationError, NoReaderError, NotAlignedError
from store.following import copy_indexes
from store.generations import is_built, suffixed, tables_in
from store.projection import Projection, projections
from store.swapping import Swapped, swap
from workers import doorbell
from workers.fleet import fleet, process_name
from workers.lock import SingleWriterLock
from workers.projecting import catch_up, named, projector
from workers.settings import current_settings

log = structlog.get_logger(__name__)

# A worker that builds has its ears shut for so long: live projections wait behind it.
SLICE_SECONDS = 0.25
POLL = 0.01
# An index of millions of rows takes its time.
UNHURRIED = ("set statement_timeout = 0", "set transaction_timeout = 0")
HURRIED = ("reset statement_timeout", "reset transaction_timeout")
# Between two looks at the locks, the live readers have their way.
BREATH = 0.05


class SwapRefusedError(Exception):
    """The readers of a projection could not be brought to a stand in time."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(name, seconds)
        self.name, self.seconds = name, seconds

    def __str__(self) -> str:
        return (
            f"{self.name} is built, but could not take its place within {self.seconds:g} s, "
            "because its tables are being read for long; it is tried again"
        )


def being_built(name: str) -> list[Checkpoint]:
    """Return the readers of a projection's next generation."""
    with fleet.database.connect(Role.READER) as connection:
        return checkpoints.readers(connection, name, "next")


def live_readers(name: str) -> list[Checkpoint]:
    with fleet.database.connect(Role.READER) as connection:
        return checkpoints.readers(connection, name)


def begin(name: str, shares: int | None = None) -> list[Checkpoint]:
    """Start the next generation, or find it begun; returns its readers."""
    shares = current_settings().rebuild_shares if shares is None else shares
    return generations.begin(fleet.database, named(name), shares=shares)


def build(reader: str, seconds: float) -> bool:
    """Fold one reader of a next generation for a while; returns whether there is more to do."""
    lock = SingleWriterLock(fleet.redis, lease_seconds=current_settings().lock_lease_seconds)
    with lock.try_acquire(f"projection:{reader}") as extend:
        if extend is None or not is_for_us(reader):
            return False
        try:
            return catch_up(reader, extend, time.monotonic() + seconds)
        except (NoReaderError, psycopg.errors.UndefinedTable):
            return False  # given up meanwhile, or swapped in


def is_for_us(reader: str) -> bool:
    """Whether it is still there, not built, and of the version that this process knows."""
    for one in being_built(checkpoints.projection_of(reader)):
        if one.projection_name == reader:
            return one.version == named(reader).version
    return False


def unfinished() -> dict[str, list[Checkpoint]]:
    """Return the next generations that somebody should see to, by projection."""
    with fleet.database.connect(Role.READER) as connection:
        found = [c for c in checkpoints.all_checkpoints(connection) if c.standing == "next"]
    declared = {one.name: one.version for one in projections()}
    seen: dict[str, list[Checkpoint]] = {}
    for one in found:
        if declared.get(one.projection) == one.version:
            seen.setdefault(one.projection, []).append(one)
    return seen


def changed() -> list[str]:
    """Return the projections whose live rows are of another version than their code."""
    with fleet.database.connect(Role.READER) as connection:
        found = checkpoints.all_checkpoints(connection)
    live = {one.projection: one.version for one in found if one.standing == "live"}
    return [p.name for p in projections() if live.get(p.name, p.version) != p.version]


def tend(send: Callable[[str], object]) -> None:
    """
    See to all next generations: `send` word for those to be built, swap in those that are.

    With FLEETLOG_REBUILD_CHANGED, projections whose code has changed are begun here.
    """
    if current_settings().rebuild_changed:
        for name in changed():
            begin(name)
    for name, readers in unfinished().items():
        if not is_built(readers):
            for one in readers:
                if one.status != "running":
                    send(one.projection_name)
        elif not readers[0].held:
            finish(name, within=current_settings().advance_budget_seconds)


@dataclass(frozen=True)
class Finished:
    """A swap that was done, and what could not follow."""

    swapped: Swapped
    lost_indexes: tuple[str, ...] = ()


def finish(name: str, *, standing: str = "next", within: float) -> Finished | None:
    """
    Let a built generation take its place; None when there is none, or somebody else did it.

    Raises SwapRefusedError when it could not be done in time; nothing is lost then.
    """
    declared = named(name)
    lost: tuple[str, ...] = ()
    if standing == "next":
        lost = indexed(declared)
    deadline = time.monotonic() + within
    while True:
        if standing == "next":
            come_close(name, deadline)
        try:
            with standstill(name, standing) as readers:
                if readers is not None:
                    if not readers:
                        return None
                    align(declared, readers)
                    done = swap(fleet.database, declared, standing=standing, within=0)
                    log.info("swapped in", projection=name, generation=done.generation)
                    return Finished(done, lost)
        except (errors.LockNotAvailable, NotAlignedError, FencedError, NoReaderError):
            pass
        finally:
            wake(name)
        if time.monotonic() > deadline:
            raise SwapRefusedError(name, within)
        time.sleep(random.uniform(BREATH, 3 * BREATH))  # noqa: S311 - no secret


def wake(name: str) -> None:
    """Whoever came by meanwhile found the lock taken: let them come again."""
    doorbell.ring_for(named(name))


def compared(name: str, *, within: float, limit: int = 100) -> Comparison:
    """
    Compare the next generation with the live one, both as they were at one position.

    Raises GenerationError when there is none, SwapRefusedError when they never stood still.
    """
    declared = named(name)
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        come_close(name, deadline)
        with ExitStack() as stack:
            instant = frozen_together(declared, stack)
            wake(name)  # the live readers go on, our connection sees them as they stood
            if instant is not None:
                connection, suffix = instant
                return compare(connection, declared, suffix, limit)
        time.sleep(BREATH)
    raise SwapRefusedError(name, within)


def frozen_together(declared: Projection, stack: ExitStack) -> tuple[Connection, str] | None:
    """Return a connection that sees both generations at one position, and the next one's suffix."""
    try:
        with standstill(declared.name, "next") as coming:
            if coming is None:
                return None
            if not coming:
                raise GenerationError(declared.name, "is not being rebuilt")
            live = live_readers(declared.name)
            ours = live if live[0].version == declared.version else []
            align(declared, [*ours, *coming])
            return stack.enter_context(frozen(fleet.database)), coming[0].table_suffix
    except (FencedError, NoReaderError):
        return None


def come_close(name: str, deadline: float) -> None:
    """Catch up while the live readers go on, so that little is left to do when they stand."""
    for one in being_built(name):
        while build(one.projection_name, SLICE_SECONDS) and time.monotonic() < deadline:
            pass


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


def indexed(declared: Projection) -> tuple[str, ...]:
    """Make the indexes that people added to the live tables on the next ones as well."""
    readers = being_built(declared.name)
    if not readers:
        return ()
    suffix = readers[0].table_suffix
    with fleet.database.connect(Role.PROJECTOR) as connection:
        return tuple(missing_indexes(connection, declared.name, suffix))


def missing_indexes(connection: Connection, name: str, suffix: str) -> Iterator[str]:
    for setting in UNHURRIED:
        connection.execute(setting)
    try:
        arriving = tables_in(connection, name, suffix)
        for table in tables_in(connection, name, ""):
            if suffixed(table, suffix) in arriving:
                yield from copy_indexes(connection, table, suffixed(table, suffix), suffix)
    finally:
        for setting in HURRIED:
            connection.execute(setting)
