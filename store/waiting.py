"""Reading one's own write: has a projection folded what a command appended?"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from store.arrays import TextArray
from store.engine import Database, Role
from store.errors import StoreError
from store.retry import retrying

FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.05
# The reader that owns the aggregate, looked up by its key; what it parked of this stream, by index.
STANDINGS = """
select n.name, coalesce(c.last_global_sequence, 0), coalesce(c.status, 'missing'),
       exists (select from fleetlog.parked_events p
               where p.projection_name = c.projection_name and p.aggregate_id = %b
                 and p.global_sequence <= %b::bigint),
       extract(epoch from clock_timestamp())::float8
from unnest(%b) as n (name)
left join fleetlog.projection_checkpoints c
    on c.projection = n.name and c.standing = 'live'
   and c.partition = fleetlog.partition_of(%b, c.partitions)
"""


class NotProjectedError(StoreError):
    """A read model does not show what a command appended; the command is done all the same."""


@dataclass(eq=False)
class NotProjectedInTimeError(NotProjectedError):
    """It may show it a moment later."""

    projection: str
    position: int
    reached: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"projection {self.projection!r} has not come to position {self.position} within "
            f"{self.seconds:g} s, it is at {self.reached}. What was appended stays, and the read "
            "model will show it; does a worker run? Ask: fleetlog projections"
        )


@dataclass(eq=False)
class ProjectionHaltedError(NotProjectedError):
    """It stands still before this position until somebody mends it."""

    projection: str
    position: int
    reached: int

    def __str__(self) -> str:
        return (
            f"projection {self.projection!r} is halted at position {self.reached} and will not "
            f"come to {self.position} before it is mended; why: fleetlog projections"
        )


@dataclass(eq=False)
class StreamParkedError(NotProjectedError):
    """It goes on without this aggregate until what it has parked is retried."""

    projection: str
    aggregate_id: str

    def __str__(self) -> str:
        return (
            f"projection {self.projection!r} has parked events of {self.aggregate_id!r} and "
            f"shows an earlier state of it; why: fleetlog projections, then: "
            f"fleetlog retry --projection {self.projection}"
        )


class Write(NamedTuple):
    """What a command appended: the position of its last event, and to which stream."""

    aggregate_id: str
    position: int

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> Self | None:
        """Return what the result of a command speaks of, or None when it appended nothing."""
        if not result.get("events"):
            return None
        return cls(str(result["aggregate_id"]), int(result["position"]))


class Standing(NamedTuple):
    """How far a projection is with one aggregate; `now` is the database's clock, in seconds."""

    projection: str
    reached: int
    status: str
    has_parked: bool
    now: float


def standings(database: Database, projections: Sequence[str], write: Write) -> list[Standing]:
    """
    Return how far these projections are with the aggregate that was written to.

    The one place that knows which of a projection's readers folds it.
    """
    stream, position = write
    parameters = (stream, position, TextArray.of(projections), stream)

    def once() -> list[Standing]:
        with database.connect(Role.READER) as connection:
            rows = connection.execute(STANDINGS, parameters, binary=True)
            return [Standing(*row) for row in rows]

    return retrying(once)


def behind(database: Database, projections: Sequence[str], write: Write) -> list[Standing]:
    """
    Return those of the projections that do not show the write yet; none is a good answer.

    Raises StreamParkedError or ProjectionHaltedError for one that would not for a long time.
    """
    late = []
    for standing in standings(database, projections, write):
        if standing.has_parked:
            raise StreamParkedError(standing.projection, write.aggregate_id)
        if standing.reached >= write.position:
            continue
        if standing.status == "halted":
            raise ProjectionHaltedError(standing.projection, write.position, standing.reached)
        late.append(standing)
    return late


def wait_for(
    database: Database, projections: Sequence[str], write: Write | None, seconds: float
) -> None:
    """
    Return when all these projections show the write; for None they do already.

    Raises like `behind`, and NotProjectedInTimeError. It looks at least once.
    """
    deadline, pause = time.monotonic() + seconds, FIRST_PAUSE
    names = projections
    while write is not None and names:
        late = behind(database, names, write)
        if not late:
            return
        left = deadline - time.monotonic()
        if left <= 0:
            first = late[0]
            raise NotProjectedInTimeError(first.projection, write.position, first.reached, seconds)
        names = [standing.projection for standing in late]
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE)
