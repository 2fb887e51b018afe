"""The swap: another generation takes the live one's names and checkpoints, at one instant."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import errors, sql

from store import checkpoints
from store.checkpoints import Checkpoint, reader_name
from store.engine import Connection, Database, Role
from store.errors import GenerationError, NotAlignedError
from store.generations import tables_in
from store.projection import Projection
from store.read_model_tables import place
from store.renaming import suffixed
from store.succession import copy_grants, rewrite, views_on

# A swap that waits for a long reader makes every later reader wait behind itself, so it waits
# for a moment only, and tries again.
PATIENCE = "set local lock_timeout = '50ms'"
DEFER = "set constraints fleetlog.projection_checkpoints_place_key deferred"
STEP_BACK = """
update fleetlog.projection_checkpoints
set projection_name = %b, standing = 'previous', epoch = epoch + 1, held = false
where projection_name = %b
"""
TAKE_PLACE = """
insert into fleetlog.projection_checkpoints
    (projection_name, projection, generation, version, partition, partitions,
     last_global_sequence, epoch, status)
values (%b, %b, %b::integer, %b::integer, %b::integer, %b::integer, %b::bigint, %b::bigint,
        'running')
"""
PARKED_ALONG = """
update fleetlog.parked_events
set projection_name = case when %b::integer = 1 then %b::text
    else %b::text || '/' || fleetlog.partition_of(aggregate_id, %b::integer) end
where projection_name = %b
"""
FORGET = "delete from fleetlog.projection_checkpoints where projection_name = %b"


@dataclass(frozen=True)
class Swapped:
    """What came of it; `seconds` is how long the live tables were locked."""

    generation: int
    position: int
    partitions: int
    seconds: float


def swap(
    database: Database, projection: Projection, *, standing: str = "next", within: float = 60.0
) -> Swapped:
    """
    Let the next generation, or the previous one, change places with the live one.

    Every writer of either is fenced. Readers wait for the locks of this transaction at most;
    behind one that reads for long it is tried again, for `within` seconds.

    Raises NotAlignedError for a next one that is behind, GenerationError where there is none or
    something hangs on a table that cannot follow, and LockNotAvailable when the time is over.
    """
    give_up = time.monotonic() + within
    while True:
        try:
            with database.connect(Role.PROJECTOR) as connection, connection.transaction():
                return _swap(connection, projection, standing)
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            if time.monotonic() > give_up:
                raise
        time.sleep(random.uniform(0.05, 0.25))  # noqa: S311 - no secret


def _swap(connection: Connection, projection: Projection, standing: str) -> Swapped:
    connection.execute(PATIENCE)
    connection.execute(DEFER)
    # The checkpoints first: whoever writes rows takes them first as well.
    live = checkpoints.locked_readers(connection, projection.name, "live")
    coming = checkpoints.locked_readers(connection, projection.name, standing)
    partitions = refuse_misfit(projection, live, coming)
    if standing == "next":
        drop_previous(connection, projection)
    going, arriving = locked_tables(connection, projection.name, coming[0])
    start = time.perf_counter()
    exchange_tables(connection, going, arriving, live[0], coming[0])
    exchange_readers(connection, live, coming, partitions)
    position = max(one.last_global_sequence for one in coming)
    return Swapped(coming[0].generation, position, partitions, time.perf_counter() - start)


def refuse_misfit(
    projection: Projection, live: Sequence[Checkpoint], coming: Sequence[Checkpoint]
) -> int:
    """Return how many live readers there will be; raise where the swap would not be right."""
    if not coming:
        raise GenerationError(projection.name, "has no other generation to take its place")
    positions = [one.last_global_sequence for one in coming]
    if coming[0].standing == "previous":
        return len(coming)
    needed = max(one.last_global_sequence for one in (*live, *coming))
    if min(positions) < needed:
        raise NotAlignedError(projection.name, min(positions), needed)
    return projection.partitions


def drop_previous(connection: Connection, projection: Projection) -> None:
    for reader in checkpoints.locked_readers(connection, projection.name, "previous"):
        for name in tables_in(connection, projection.name, reader.table_suffix):
            connection.execute(sql.SQL("drop table {}").format(place(name)))
        connection.execute(FORGET, (reader.projection_name,))


def locked_tables(
    connection: Connection, projection: str, coming: Checkpoint
) -> tuple[list[str], list[str]]:
    """Return the live tables, and those that are to have their names; nobody reads them now."""
    going = tables_in(connection, projection, "")
    arriving = tables_in(connection, projection, coming.table_suffix)
    for name in (*going, *arriving):
        connection.execute(sql.SQL("lock table {}").format(place(name)))
    return going, arriving


def exchange_tables(
    connection: Connection,
    going: Sequence[str],
    arriving: Sequence[str],
    live: Checkpoint,
    coming: Checkpoint,
) -> None:
    """Give the live tables' names to the others; what hangs on them follows."""
    views = [v for name in going for v in views_on(connection, live.projection, name)]
    for name in going:
        successor = suffixed(name, coming.table_suffix)
        if successor in arriving:
            copy_grants(connection, name, successor)
        rename(connection, name, suffixed(name, f"__g{live.generation}"))
    for name in arriving:
        rename(connection, name, name.removesuffix(coming.table_suffix))
    try:
        for view in views:
            rewrite(connection, view)
    except psycopg.ProgrammingError as error:
        reason = f"cannot hand its name on, a view does not fit: {error.diag.message_primary}"
        raise GenerationError(live.projection, reason) from error


def rename(connection: Connection, name: str, to: str) -> None:
    statement = sql.SQL("alter table {} rename to {}")
    connection.execute(statement.format(place(name), sql.Identifier(to)))


def exchange_readers(
    connection: Connection,
    live: Sequence[Checkpoint],
    coming: Sequence[Checkpoint],
    partitions: int,
) -> None:
    """Let the live readers step back and others take their place, with what was parked."""
    epoch = max(one.epoch for one in (*live, *coming)) + 1
    name = coming[0].projection
    for one in live:
        back = reader_name(name, one.partition, one.partitions, one.generation)
        connection.execute(STEP_BACK, (back, one.projection_name))
    for partition in range(partitions):
        # As many as before: each goes on where it stood. Else they all stand at one place.
        before = coming[partition if len(coming) == partitions else 0]
        reader = reader_name(name, partition, partitions)
        identity = (reader, name, before.generation, before.version, partition, partitions)
        connection.execute(TAKE_PLACE, (*identity, before.last_global_sequence, epoch))
    for one in coming:
        connection.execute(PARKED_ALONG, (partitions, name, name, partitions, one.projection_name))
        connection.execute(FORGET, (one.projection_name,))
