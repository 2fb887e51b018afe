"""Checkpoints: how far each reader has come, and whose turn it is."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from store.engine import Connection, Database, Role
from store.errors import FencedError
from store.retry import retrying

COLUMNS = (
    "projection_name, last_global_sequence, epoch, generation, version, status, owner, error, "
    "last_updated"
)
ENSURE = """
insert into fleetlog.projection_checkpoints (projection_name, version)
values (%b, %b::integer) on conflict do nothing
"""
TAKE_OVER = f"""
update fleetlog.projection_checkpoints set epoch = epoch + 1, owner = %b::text
where projection_name = %b returning {COLUMNS}
"""  # noqa: S608 - our own column names
MOVE = """
update fleetlog.projection_checkpoints
set last_global_sequence = %b::bigint, last_updated = clock_timestamp(), status = %b::text,
    error = null
where projection_name = %b and last_global_sequence = %b::bigint and epoch = %b::bigint
  and generation = %b::integer
"""
HALT = """
update fleetlog.projection_checkpoints set status = 'halted', error = %b::text
where projection_name = %b and epoch = %b::bigint and (status <> 'halted' or error <> %b::text)
"""
RESET = f"""
update fleetlog.projection_checkpoints
set last_global_sequence = 0, last_updated = clock_timestamp(), status = 'rebuilding',
    error = null, version = %b::integer, epoch = epoch + 1, owner = %b::text
where projection_name = %b returning {COLUMNS}
"""  # noqa: S608 - our own column names
ALL = f"""
select {COLUMNS} from fleetlog.projection_checkpoints order by projection_name
"""  # noqa: S608 - our own column names


@dataclass(frozen=True)
class Checkpoint:
    """One reader's place; `epoch` is the right to move it, held by whoever raised it last."""

    projection_name: str
    last_global_sequence: int
    epoch: int
    generation: int
    version: int
    status: str
    owner: str | None
    error: str | None
    last_updated: datetime


def ensure(connection: Connection, name: str, version: int) -> None:
    """Start at position 0, unless there is a checkpoint already."""
    connection.execute(ENSURE, (name, version))


def take_over(database: Database, name: str, owner: str) -> Checkpoint:
    """Raise the epoch: whoever held it before can write no more."""

    def once() -> Checkpoint:
        with database.connect(Role.PROJECTOR) as connection:
            return taken_over(connection, name, owner)

    return retrying(once)


def taken_over(connection: Connection, name: str, owner: str) -> Checkpoint:
    """The same within the caller's transaction, which then holds the row."""
    row = connection.execute(TAKE_OVER, (owner, name), binary=True).fetchone()
    if row is None:
        raise LookupError(f"projection {name!r} has no checkpoint; run: fleetlog migrate")
    return Checkpoint(*row)


def move(
    connection: Connection, checkpoint: Checkpoint, position: int, *, status: str | None = None
) -> Checkpoint:
    """Go on to `position`, first thing in the transaction of a batch; raises FencedError."""
    status = status or checkpoint.status
    parameters: tuple[Any, ...] = (
        position,
        status,
        checkpoint.projection_name,
        checkpoint.last_global_sequence,
        checkpoint.epoch,
        checkpoint.generation,
    )
    if connection.execute(MOVE, parameters).rowcount != 1:
        raise FencedError(checkpoint.projection_name)
    return replace(checkpoint, last_global_sequence=position, status=status, error=None)


def halt(database: Database, checkpoint: Checkpoint, error: str) -> None:
    """Say loudly why this reader does not go on; it will be tried again at every turn."""
    with database.connect(Role.PROJECTOR) as connection:
        name, epoch = checkpoint.projection_name, checkpoint.epoch
        connection.execute(HALT, (error, name, epoch, error))


def reset(connection: Connection, name: str, version: int, owner: str) -> Checkpoint:
    """Send the reader back to the start, in the transaction that empties its tables."""
    row = connection.execute(RESET, (version, owner, name), binary=True).fetchone()
    if row is None:
        raise LookupError(f"projection {name!r} has no checkpoint; run: fleetlog migrate")
    return Checkpoint(*row)


def all_checkpoints(connection: Connection) -> list[Checkpoint]:
    return [Checkpoint(*row) for row in connection.execute(ALL, binary=True)]
