"""
Checkpoints: how far each reader has come, and whose turn it is.

A projection has one live reader, or one for each of its partitions; beside them there may be the
readers of a generation that is being built, or of the one before, which can come back.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from store.engine import Connection, Database, Role
from store.errors import FencedError, NoReaderError
from store.retry import retrying

COLUMNS = (
    "projection_name, last_global_sequence, epoch, generation, version, status, owner, error, "
    "last_updated, projection, standing, partition, partitions, held"
)
ENSURE = """
insert into fleetlog.projection_checkpoints
    (projection_name, projection, version, partition, partitions)
select %b, %b, %b::integer, %b::integer, %b::integer
where not exists (select from fleetlog.projection_checkpoints c
                  where c.projection = %b and c.standing = 'live' and c.partitions <> %b::integer)
on conflict (projection_name) do nothing
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
STANDING = f"""
select {COLUMNS} from fleetlog.projection_checkpoints
where projection = %b and standing = %b order by partition
"""  # noqa: S608 - our own column names
LOCKED = f"{STANDING.rstrip()} for update"


@dataclass(frozen=True)
class Checkpoint:
    """
    One reader's place; `epoch` is the right to move it, held by whoever raised it last.

    `projection_name` is the reader's own name, `projection` whose events it folds. `held`: the
    next generation waits, when it is built, for a person's word.
    """

    projection_name: str
    last_global_sequence: int
    epoch: int
    generation: int
    version: int
    status: str
    owner: str | None
    error: str | None
    last_updated: datetime
    projection: str
    standing: str
    partition: int
    partitions: int
    held: bool

    @property
    def table_suffix(self) -> str:
        """What its tables' names end in."""
        return table_suffix(self.projection_name)


def reader_name(
    projection: str, partition: int = 0, partitions: int = 1, generation: int | None = None
) -> str:
    """Return the name of a reader; `generation` is None for a live one."""
    of = projection if generation is None else f"{projection}@{generation}"
    return of if partitions == 1 and generation is None else f"{of}/{partition}"


def projection_of(reader: str) -> str:
    """Return the name of the projection whose reader this is."""
    return reader.partition("@")[0].partition("/")[0]


def table_suffix(reader: str) -> str:
    """Return what the names of a reader's tables end in; live ones are called as declared."""
    _, _, generation = reader.partition("/")[0].partition("@")
    return f"__g{generation}" if generation else ""


def ensure(connection: Connection, name: str, version: int, partitions: int = 1) -> None:
    """
    Start at position 0, unless there are checkpoints already.

    Live readers that share their aggregates by another number stay: a rebuild changes that.
    """
    for partition in range(partitions):
        reader = reader_name(name, partition, partitions)
        share = (partition, partitions)
        connection.execute(ENSURE, (reader, name, version, *share, name, partitions))


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
        raise NoReaderError(name)
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
        raise NoReaderError(name)
    return Checkpoint(*row)


def readers(connection: Connection, projection: str, standing: str = "live") -> list[Checkpoint]:
    """Return a projection's live, next or previous readers, by partition; often there are none."""
    rows = connection.execute(STANDING, (projection, standing), binary=True)
    return [Checkpoint(*row) for row in rows]


def locked_readers(connection: Connection, projection: str, standing: str) -> list[Checkpoint]:
    """Return the same, and hold their rows until the transaction ends."""
    rows = connection.execute(LOCKED, (projection, standing), binary=True)
    return [Checkpoint(*row) for row in rows]


def all_checkpoints(connection: Connection) -> list[Checkpoint]:
    return [Checkpoint(*row) for row in connection.execute(ALL, binary=True)]
