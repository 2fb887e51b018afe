"""
Rebuilding a projection without anyone noticing.

The next generation is built in short slices by whoever has time, caught up, and swapped in; all
that is known of it lies in its checkpoints, so whoever comes next goes on where the last one died.
"""

import time

import psycopg
import structlog

from store import checkpoints, generations
from store.checkpoints import Checkpoint
from store.engine import Role
from store.errors import NoReaderError
from workers.fleet import fleet
from workers.lock import SingleWriterLock
from workers.projecting import catch_up, named
from workers.settings import current_settings

log = structlog.get_logger(__name__)

# A worker that builds has its ears shut for so long: live projections wait behind it.
SLICE_SECONDS = 0.25


def being_built(name: str) -> list[Checkpoint]:
    """Return the readers of a projection's next generation."""
    with fleet.database.connect(Role.READER) as connection:
        return checkpoints.readers(connection, name, "next")


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


def come_close(name: str, deadline: float) -> None:
    """Catch up while the live readers go on, so that little is left to do when they stand."""
    for one in being_built(name):
        while build(one.projection_name, SLICE_SECONDS) and time.monotonic() < deadline:
            pass
