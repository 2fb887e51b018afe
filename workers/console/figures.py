"""What the tables say: the questions behind the screens, all of them asked as the reader."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from store.checkpoints import Checkpoint, all_checkpoints
from store.engine import Connection
from store.outbox import Outbox
from store.pages import what_concerns
from store.projection import Projection, projections
from store.subscribing import ALL, subscription
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
from (select timestamp from fleetlog.events
      where global_sequence > %b::bigint{concern}
      order by global_sequence limit %b::bigint) unread
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
                f"code, this is version {self.declared_version}; run: fleetlog rebuild "
                f"{self.checkpoint.projection}"
            )
        if self.parked_streams:
            return (
                f"projection {self.name} has parked {self.parked_streams:,} "
                f"stream{'' if self.parked_streams == 1 else 's'}; look into them, then run: "
                f"fleetlog retry --projection {self.checkpoint.projection}"
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
    """
    Return how far every reader is, live or building the next generation.

    The snapshots' reader is no projection's, and what was before the live one stands still.
    """
    parked = {row[0]: row[1] for row in connection.execute(PARKED, binary=True)}
    declared = {one.name: one for one in (*projections(), *outboxes(connection))}
    return [
        one(
            connection,
            checkpoint,
            declared.get(checkpoint.projection),
            parked.get(checkpoint.projection_name, 0),
        )
        for checkpoint in all_checkpoints(connection)
        if checkpoint.projection_name != SNAPSHOTS and checkpoint.standing != "previous"
    ]


def outboxes(connection: Connection) -> list[Outbox]:
    """Return those of all subscriptions."""
    return [Outbox(subscription(*row)) for row in connection.execute(ALL, binary=True)]


def one(
    connection: Connection, checkpoint: Checkpoint, declared: Projection | None, parked: int
) -> Progress:
    if declared is None:
        return Progress(checkpoint, None, None, None, parked)
    concern, parameters = what_concerns(declared, checkpoint)
    wanted = (checkpoint.last_global_sequence, *parameters, MOST_LAG)
    query = UNREAD.format(concern=concern)
    row = connection.execute(query, wanted, binary=True).fetchone()
    lag, age = row or (0, None)
    return Progress(checkpoint, declared.version, lag, age or 0.0, parked)


def server_version(connection: Connection) -> str:
    return str(value(connection, VERSION)).partition(" ")[0]
