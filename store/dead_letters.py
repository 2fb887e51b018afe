"""Messages that no worker could read or knew a task for: kept until a person decides."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from store.arrays import UuidArray
from store.engine import Connection, Database, Role
from store.retry import retrying
from store.storable import FORBIDDEN_IN_TEXT

KEEP = (
    "select fleetlog.keep_dead_letter(%b, %b::text, %b::text, %b::text, %b::bytea, %b::timestamptz)"
)
TAKE = "select queue, message from fleetlog.take_dead_letters(%b)"
COUNT = "select count(*) from fleetlog.dead_letters"
LISTED = """
select letter_id, queue, reason, task_name, message, set_aside_at
from fleetlog.dead_letters order by recorded_at, letter_id limit %b::bigint
"""
IDS = "select letter_id from fleetlog.dead_letters order by recorded_at, letter_id"
ONE = """
select letter_id, queue, reason, task_name, message, set_aside_at
from fleetlog.dead_letters where letter_id = %b
"""


class DeadLetter(NamedTuple):
    """A message byte by byte as it came, where from, and why nobody could take it."""

    letter_id: UUID
    queue: str
    reason: str
    task_name: str | None
    message: bytes
    set_aside_at: datetime


class Taken(NamedTuple):
    """What goes back to its queue, or nowhere."""

    queue: str
    message: bytes


class DeadLetters:
    """The table of them; keeping one again is harmless."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, letter: DeadLetter) -> None:
        """Write one down; a letter of the same id is left as it is."""
        name = letter.task_name and storable(letter.task_name)
        row = (
            *(letter.letter_id, storable(letter.queue), storable(letter.reason), name),
            *(letter.message, letter.set_aside_at),
        )

        def once() -> None:
            with self._database.connect(Role.WRITER) as connection:
                connection.execute(KEEP, row, binary=True)

        retrying(once)

    @contextmanager
    def taken(self, letter_ids: Sequence[UUID]) -> Iterator[list[Taken]]:
        """Lend those that are there; when the block ends well they are gone."""
        with self._database.connect(Role.WRITER) as connection, connection.transaction():
            yield [Taken(*row) for row in connection.execute(TAKE, (UuidArray.of(letter_ids),))]

    def count(self) -> int:
        """Return how many are waiting for a person."""
        with self._database.connect(Role.READER) as connection:
            return count(connection)

    def listed(self, limit: int) -> list[DeadLetter]:
        """Return the longest waiting."""
        with self._database.connect(Role.READER) as connection:
            return [DeadLetter(*row) for row in connection.execute(LISTED, (limit,), binary=True)]

    def ids(self) -> list[UUID]:
        """Return all of them, the longest waiting first."""
        with self._database.connect(Role.READER) as connection:
            return [id for (id,) in connection.execute(IDS, binary=True)]

    def find(self, letter_id: UUID) -> DeadLetter | None:
        """Return one, or None when it is not, or no longer, there."""
        with self._database.connect(Role.READER) as connection:
            row = connection.execute(ONE, (letter_id,), binary=True).fetchone()
        return DeadLetter(*row) if row else None


def count(connection: Connection) -> int:
    row = connection.execute(COUNT).fetchone()
    return int(row[0]) if row else 0


def storable(text: str) -> str:
    """Return a text with a mark for what PostgreSQL does not take; the message itself is bytes."""
    return FORBIDDEN_IN_TEXT.sub("\ufffd", text)
