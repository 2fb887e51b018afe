"""What the tables say: the questions behind the screens, all of them asked as the reader."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from store.arrays import TextArray
from store.checkpoints import Checkpoint, all_checkpoints
from store.engine import Connection
from store.projection import projection
from workers.snapshotting import READER as SNAPSHOTS

EXACT_BELOW = 200_000  # rows up to which counting is quick
MOST_LAG = 1_000_000  # a lag is counted up to here: that far behind, nobody needs the rest

SIZE = "select reltuples::bigint from pg_class where oid = %b::text::regclass"
OPEN = """
select status, count(*), extract(epoch from clock_timestamp() - min(accepted_at))::float
from fleetlog.commands where status <> 'done' group by status
"""
UNREAD = """
select count(*), extract(epoch from clock_timestamp() - min(timestamp))::float
from (select e.timestamp from fleetlog.events e
      where e.global_sequence > %b::bigint and e.aggregate_type = any (%b)
      order by e.global_sequence limit %b::bigint) unread
"""
PARKED = """
select projection_name, count(distinct aggregate_id) from fleetlog.parked_events
group by projection_name
"""
VERSION = "select current_setting('server_version')"


@dataclass(frozen=True)
class Commands:
    """How many commands stand how; `oldest` is the age of the longest accepted, in seconds."""

    by_status: Mapping[str, int]
    oldest: float | None
    exact: bool


@dataclass(frozen=True)
class Progress:
    """
    How far a projection is. `lag` counts the events it has not read, of the types it reads.

    It is None for a checkpoint whose projection is not declared here.
    """

    checkpoint: Checkpoint
    declared_version: int | None
    lag: int | None
    seconds_behind: float | None
    parked_streams: int

    @property
    def name(self) -> str:
        return self.checkpoint.projection_name

    @property
    def problem(self) -> str | None:
        """Say in a sentence what a person should look at, or None."""
        if self.checkpoint.status == "halted":
            return f"projection {self.name} is halted: {self.checkpoint.error}"
        if self.declared_version not in {None, self.checkpoint.version}:
            return (
                f"projection {self.name} was built by version {self.checkpoint.version} of its "
                f"code, this is version {self.declared_version}; run: fleetlog rebuild {self.name}"
            )
        if self.parked_streams:
            return (
                f"projection {self.name} has parked {self.parked_streams:,} "
                f"stream{'' if self.parked_streams == 1 else 's'}; look into them, then run: "
                f"fleetlog retry --projection {self.name}"
            )
        return None


def value(connection: Connection, query: str, *parameters: Any) -> Any:
    row = connection.execute(query, parameters, binary=True).fetchone()
    return row[0] if row else None


def count(connection: Connection, name: str) -> tuple[int, bool]:
    """Return the number of rows and whether it is exact: a large table is only estimated."""
    estimate = value(connection, SIZE, f"fleetlog.{name}")
    if estimate > EXACT_BELOW:
        return estimate, False
    return value(connection, f"select count(*) from fleetlog.{name}"), True  # noqa: S608 - our table


def commands(connection: Connection) -> Commands:
    found = {row[0]: row[1:] for row in connection.execute(OPEN, binary=True)}
    by_status = {status: number for status, (number, _) in found.items()}
    total, exact = count(connection, "commands")
    done = max(0, total - sum(by_status.values()))
    oldest = found.get("accepted", (0, None))[1]
    return Commands({"done": done, **by_status}, oldest, exact)


def progress(connection: Connection) -> list[Progress]:
    """Return how far every projection is; the snapshots' reader is none."""
    parked = {row[0]: row[1] for row in connection.execute(PARKED, binary=True)}
    return [
        one(connection, checkpoint, parked.get(checkpoint.projection_name, 0))
        for checkpoint in all_checkpoints(connection)
        if checkpoint.projection_name != SNAPSHOTS
    ]


def one(connection: Connection, checkpoint: Checkpoint, parked: int) -> Progress:
    declared = projection(checkpoint.projection_name)
    if declared is None:
        return Progress(checkpoint, None, None, None, parked)
    parameters = (
        checkpoint.last_global_sequence,
        TextArray.of(sorted(declared.aggregate_types)),
        MOST_LAG,
    )
    row = connection.execute(UNREAD, parameters, binary=True).fetchone()
    lag, age = row or (0, None)
    return Progress(checkpoint, declared.version, lag, age or 0.0, parked)


def server_version(connection: Connection) -> str:
    return str(value(connection, VERSION)).partition(" ")[0]
