"""The table of commands: accepted in order, worked off by aggregate, settled exactly once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from domain.command import Command
from store.arrays import TextArray, UuidArray
from store.codec import Metadata, encode_metadata
from store.command_codec import aggregate_id_of, encode_command
from store.engine import Connection, Database, Role
from store.errors import CommandIdReusedError
from store.retry import retrying

ACCEPT = "select standing, accepted_no from fleetlog.accept_commands(%b, %b, %b, %b, %b, %b)"
FIND = """
select command_id, command_type, aggregate_id, accepted_no, status, attempts, result, error,
       continuation, accepted_at, finished_at
from fleetlog.commands where command_id = %b
"""
IN_RANGE = """
select aggregate_id from fleetlog.commands
where status = 'accepted' and accepted_no between %b::bigint and %b::bigint
group by aggregate_id order by min(accepted_no)
"""
HEAD = """
select command_id, attempts from fleetlog.commands
where status = 'accepted' and aggregate_id = %b order by accepted_no limit 1
"""
OVERDUE = (
    "select command_id, command_type, accepted_no, continued "
    "from fleetlog.take_overdue(%b, %b::int)"
)
REFUSE = "select fleetlog.refuse_command(%b, %b, %b, %b)"
CHARGE = "select fleetlog.charge_command(%b)"
EXCUSE = "select fleetlog.excuse_command(%b)"
NOTE_FAILURE = "select fleetlog.note_failure(%b, %b::text, %b::float8)"
SET_ASIDE = "select fleetlog.set_aside_command(%b, %b::text, %b::text)"
RETRY = "select fleetlog.retry_commands(%b)"
CONTINUED = "select fleetlog.command_continued(%b)"
KEEP_CONTINUATION = "select fleetlog.keep_continuation(%b)"


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A command with its envelope. `continuation`: what Celery does when it is done."""

    command_id: UUID
    command: Command
    metadata: Metadata = field(default_factory=Metadata)
    continuation: dict[str, Any] | None = None


class Acceptance(NamedTuple):
    """`standing` is "new", or the status of the same command accepted before."""

    command_id: UUID
    standing: str
    accepted_no: int


@dataclass(frozen=True)
class CommandState:
    """One row of the table, without its payload."""

    command_id: UUID
    command_type: str
    aggregate_id: str
    accepted_no: int
    status: str
    attempts: int
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    continuation: dict[str, Any] | None
    accepted_at: datetime
    finished_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.status == "accepted"


class Overdue(NamedTuple):
    """A command whose wake-up seems lost; `continued`: a chain or links wait behind it."""

    command_id: UUID
    command_type: str
    accepted_no: int
    continued: bool


class Inbox:
    """Every call is one round trip, harmless to repeat, and repeated when a connection breaks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def accept(
        self, submissions: Sequence[Submission], connection: Connection | None = None
    ) -> list[Acceptance]:
        """
        Write the commands down, in this order, in the caller's transaction if one is given.

        Raises InvalidFieldError, or CommandIdReusedError for an id that named another command;
        none of them is accepted then.
        """
        parameters = accept_parameters(submissions)
        ids = [submission.command_id for submission in submissions]
        if connection is not None:
            return accept(connection, ids, parameters)
        return retrying(lambda: self._accept(ids, parameters))

    def _accept(self, ids: list[UUID], parameters: tuple[Any, ...]) -> list[Acceptance]:
        # A transaction, so that a reused id takes the whole batch back with it.
        with self._database.connect(Role.WRITER) as connection, connection.transaction():
            return accept(connection, ids, parameters)

    def refuse(
        self, command_id: UUID, command_type: str, metadata: Metadata, error: dict[str, Any]
    ) -> None:
        """Answer a message that can never be a command; an id already known keeps its answer."""
        envelope = encode_metadata(metadata).decode()
        self._value(REFUSE, command_id, command_type, envelope, as_text(error))

    def find(self, command_id: UUID) -> CommandState | None:
        """Return what is known of a command, or None when it was never accepted."""
        rows = self._rows(FIND, command_id)
        return CommandState(*rows[0]) if rows else None

    def head(self, aggregate_id: str) -> tuple[UUID, int] | None:
        """Return the first waiting command of an inbox with its attempts, or None."""
        rows = self._rows(HEAD, aggregate_id)
        return (rows[0][0], rows[0][1]) if rows else None

    def inboxes(self, first_no: int, last_no: int) -> list[str]:
        """Return the aggregates with commands waiting in this range, the longest waiting first."""
        return [aggregate_id for (aggregate_id,) in self._rows(IN_RANGE, first_no, last_no)]

    def take_overdue(self, age: timedelta, limit: int) -> list[Overdue]:
        """Return commands whose wake-up seems lost, and count them as published again now."""
        return [Overdue(*row) for row in self._rows(OVERDUE, age, limit)]

    def charge(self, command_id: UUID) -> int | None:
        """Count an attempt before it is made; None when the command is no longer waiting."""
        attempts: int | None = self._value(CHARGE, command_id)
        return attempts

    def excuse(self, command_id: UUID) -> None:
        """Take a counted attempt back: what went wrong was not the command's fault."""
        self._value(EXCUSE, command_id)

    def note_failure(self, command_id: UUID, error: dict[str, Any], pause: float) -> None:
        """Keep what the last attempt failed with; its inbox rests for `pause` seconds."""
        self._value(NOTE_FAILURE, command_id, as_text(error), pause)

    def set_aside(self, command_id: UUID, status: str, error: dict[str, Any] | None) -> bool:
        """Reject, park or cancel a waiting command; False when it was not waiting any more."""
        return bool(self._value(SET_ASIDE, command_id, status, as_text(error)))

    def retry(self, command_ids: Sequence[UUID]) -> list[UUID]:
        """Send parked commands to the end of their inboxes; returns those that were parked."""
        return [command_id for (command_id,) in self._rows(RETRY, UuidArray.of(command_ids))]

    def continued(self, command_id: UUID) -> None:
        """Note that the links and the chain behind a command were sent on their way."""
        self._value(CONTINUED, command_id)

    def keep_continuation(self, command_id: UUID) -> bool:
        """Keep the relay from sending it meanwhile; False when it was sent on its way already."""
        return bool(self._value(KEEP_CONTINUATION, command_id))

    def _value(self, statement: str, *parameters: Any) -> Any:
        return self._rows(statement, *parameters)[0][0]

    def _rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        def once() -> list[tuple[Any, ...]]:
            with self._database.connect(Role.WRITER) as connection:
                return connection.execute(statement, parameters, binary=True).fetchall()

        return retrying(once)


def accept(
    connection: Connection, ids: Sequence[UUID], parameters: tuple[Any, ...]
) -> list[Acceptance]:
    rows = connection.execute(ACCEPT, parameters, binary=True).fetchall()
    answers = [Acceptance(id, *row) for id, row in zip(ids, rows, strict=True)]
    for answer in answers:
        if answer.standing == "reused":
            raise CommandIdReusedError(answer.command_id)
    return answers


def accept_parameters(submissions: Sequence[Submission]) -> tuple[Any, ...]:
    payloads = [encode_command(s.command) for s in submissions]  # first, for it refuses by name
    return (
        UuidArray.of([s.command_id for s in submissions]),
        TextArray.of([s.command.command_type for s in submissions]),
        TextArray.of([aggregate_id_of(s.command) for s in submissions]),
        TextArray.of(payloads),
        TextArray.of([encode_metadata(s.metadata) for s in submissions]),
        TextArray.of([as_text(s.continuation) for s in submissions]),
    )


def as_text(value: dict[str, Any] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
