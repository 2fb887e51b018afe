"""Waiting for what was submitted: by id, so that other people's commands do not matter."""

from array import array
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from store.arrays import UuidArray
from store.engine import Connection, Role
from store.inbox import Acceptance
from store.retry import retrying
from workers.fleet import fleet

# Joined, not looked up: an id that stands in the file twice counts twice.
OPEN = """
select count(*) from unnest(%b) as u (id) join fleetlog.commands c on c.command_id = u.id
where c.status = 'accepted'
"""
OUTCOMES = """
select c.status, c.accepted_at, c.finished_at
from unnest(%b) as u (id) join fleetlog.commands c on c.command_id = u.id
"""
# How many chunks are asked about at once: they are worked off in about their order.
FRONT = 4


@dataclass
class Chunk:
    """Commands accepted together and not known to be settled: those new now, and the others."""

    new: UuidArray
    repeated: UuidArray
    open: int


@dataclass
class Settling:
    """
    Which of our commands are settled, and how.

    Keeps twenty bytes for each command that waits and eight for each that is done; with `keep`
    the twenty of those, too, in `kept`.
    """

    keep: bool = False
    kept: list[UuidArray] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    new: int = 0
    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    first_accepted: datetime | None = None
    last_finished: datetime | None = None
    _chunks: deque[Chunk] = field(default_factory=deque)

    def add(self, answers: Iterable[Acceptance]) -> None:
        """Take up commands that were just accepted; those settled before are settled now."""
        new, repeated, everyone = [], [], []
        for answer in answers:
            everyone.append(answer.command_id)
            if answer.standing == "new":
                new.append(answer.command_id)
                continue
            self.repeats += 1
            if answer.standing == "accepted":
                repeated.append(answer.command_id)
            else:
                self.outcomes[answer.standing] += 1
        if self.keep:
            self.kept.append(UuidArray.of(everyone))
        self.new += len(new)
        if new or repeated:
            self._chunks.append(
                Chunk(UuidArray.of(new), UuidArray.of(repeated), len(new) + len(repeated))
            )

    @property
    def waiting(self) -> int:
        """How many are not known to be settled."""
        return sum(chunk.open for chunk in self._chunks)

    @property
    def settled(self) -> int:
        """How many are, repeats included."""
        return self.new + self.repeats - self.waiting

    def look(self) -> None:
        """Ask about the commands that should be settled next."""
        retrying(self._look)

    def _look(self) -> None:
        with fleet.database.connect(Role.READER) as connection:
            for chunk in list(self._chunks)[:FRONT]:
                chunk.open = open_among(connection, chunk.new) + open_among(
                    connection, chunk.repeated
                )
                if chunk.open == 0:
                    self._close(connection, chunk)

    def _close(self, connection: Connection, chunk: Chunk) -> None:
        new = connection.execute(OUTCOMES, (chunk.new,), binary=True).fetchall()
        repeated = connection.execute(OUTCOMES, (chunk.repeated,), binary=True).fetchall()
        self._chunks.remove(chunk)
        self.outcomes.update(status for status, _, _ in (*new, *repeated))
        for _, accepted, finished in new:
            if finished is not None:
                self.latencies.append((finished - accepted).total_seconds())
                self.first_accepted = min(self.first_accepted or accepted, accepted)
                self.last_finished = max(self.last_finished or finished, finished)

    @property
    def seconds(self) -> float | None:
        """From the first acceptance to the last result, by the database's clock."""
        if self.first_accepted is None or self.last_finished is None:
            return None
        return (self.last_finished - self.first_accepted).total_seconds()

    @property
    def per_second(self) -> float | None:
        """Return how many new commands were settled in a second."""
        return len(self.latencies) / self.seconds if self.seconds else None

    def percentile(self, share: float) -> float | None:
        """Return the time from submission to the result that this share of commands kept to."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def open_among(connection: Connection, ids: UuidArray) -> int:
    row = connection.execute(OPEN, (ids,), binary=True).fetchone()
    return int(row[0]) if row else 0
