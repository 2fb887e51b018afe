"""Swapping in: a built generation is caught up, and takes its place in a moment of standstill."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from psycopg import errors

from store.engine import Connection, Role
from store.errors import FencedError, NoReaderError, NotAlignedError
from store.generations import tables_in
from store.patience import unhurried
from store.projection import Projection
from store.renaming import suffixed
from store.succession import copy_indexes
from store.swapping import Swapped, swap
from workers.fleet import fleet
from workers.projecting import named
from workers.rebuilding import being_built, come_close
from workers.standstill import NoStandstillError, align, standstill, wake

log = structlog.get_logger(__name__)

# Between two tries, the live readers have their way.
BREATH = 0.05
# An index of millions of rows takes its time.
UNHURRIED = ("set statement_timeout = 0", "set transaction_timeout = 0")
HURRIED = ("reset statement_timeout", "reset transaction_timeout")


@dataclass(frozen=True)
class Finished:
    """A swap that was done, and what could not follow."""

    swapped: Swapped
    lost_indexes: tuple[str, ...] = ()


def finish(name: str, *, standing: str = "next", within: float) -> Finished | None:
    """
    Let a built generation take its place; None when there is none, or somebody else did it.

    Raises NoStandstillError when it could not be done in time; nothing is lost then.
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
            raise NoStandstillError(name, within)
        time.sleep(random.uniform(BREATH, 3 * BREATH))  # noqa: S311 - no secret


def indexed(declared: Projection) -> tuple[str, ...]:
    """Make the indexes that people added to the live tables on the next ones as well."""
    readers = being_built(declared.name)
    if not readers:
        return ()
    suffix = readers[0].table_suffix
    with fleet.database.connect(Role.PROJECTOR) as connection, unhurried(connection):
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
