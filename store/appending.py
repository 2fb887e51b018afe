"""One append: its statement, and what each refusal of the database means."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus

from domain.aggregate import aggregate_of
from domain.event import Event
from store.arrays import IntArray, TextArray, UuidArray
from store.codec import AnyEvent, Metadata, encode_event, encode_metadata, event_class
from store.engine import Connection
from store.errors import (
    AggregateTypeError,
    CommandIdReusedError,
    ConcurrencyError,
    NotAcceptedError,
    UnstorableError,
)
from store.identity import uuid7
from store.retry import is_passing
from store.storable import check_aggregate_id, check_name, check_size, check_text

APPEND = (
    "select last_sequence, positions, repeated from fleetlog.append_events("
    "%b, %b, %b::bigint, %b, %b, %b, %b, %b, %b::uuid, %b::text, %b::text)"
)
# One event, by far the most common: PostgreSQL packs arrays of one faster than we do.
APPEND_ONE = (
    "select last_sequence, positions, repeated from fleetlog.append_events("
    "%b, %b, %b::bigint, array[%b::uuid], array[%b::text], array[%b::integer], array[%b::text], "
    "array[%b::text], %b::uuid, %b::text, %b::text)"
)
OUTCOME = "select fleetlog.command_outcome(%b::uuid, %b::text, %b::text)"
OURS = (
    "select sequence_number, global_sequence from fleetlog.events "
    "where event_id = any (%b) order by global_sequence"
)
POSITIONS = (
    "select global_sequence from fleetlog.events where aggregate_id = %b "
    "and sequence_number > %b::bigint and sequence_number <= %b::bigint order by sequence_number"
)
STALE, NOT_ACCEPTED = "FL001", "FL004"
STREAM_KEY, EVENT_KEY = "events_stream_key", "events_pkey"
MAX_RACES = 20  # an append to "any version" that loses this often is told so


class Expected(IntEnum):
    """Expectations about a stream that are not one certain version."""

    NO_STREAM = 0
    ANY = -1
    EXISTS = -2


@dataclass(frozen=True)
class CommandRow:
    """
    The command to settle together with the events.

    Without `payload` (its JSON) it must have been accepted before; with one, its row is
    written here.
    """

    command_id: UUID
    command_type: str | None = None
    payload: str | None = None


@dataclass(frozen=True)
class Appended:
    """The stream's version now, and where the new events stand in the global order."""

    version: int
    positions: tuple[int, ...]
    repeated: bool = False  # the command had taken effect before; nothing was added now


class Append:
    """Encoded once, run as often as it takes: ids drawn here make a second run harmless."""

    def __init__(  # noqa: PLR0913, PLR0917 - the statement's own parts
        self,
        aggregate_id: str,
        expected: int,
        events: Sequence[AnyEvent],
        aggregate_type: str | None,
        metadata: Metadata | Sequence[Metadata],
        command: CommandRow | None,
    ) -> None:
        check_aggregate_id(aggregate_id)
        self.aggregate_id, self.expected = aggregate_id, int(expected)
        if aggregate_type is None or aggregate_type == "":  # and not 0, [] or {}
            aggregate_type = type_of(events)
        self.aggregate_type = aggregate_type
        check_name(self.aggregate_type, "aggregate_type")
        check_declared(self.aggregate_type, events)
        self.command = command
        if command is not None:
            check_command(command)
        self.event_ids = [uuid7() for _ in events]
        self.statement = APPEND_ONE if len(events) == 1 else APPEND
        self.parameters = self._encode(events, metadata)
        self.may_have_run = False

    def run(self, connection: Connection) -> Appended:
        """Append; raises the store's error when refused, psycopg's when it may pass."""
        for _ in range(MAX_RACES):
            try:
                row = connection.execute(self.statement, self.parameters, binary=True).fetchone()
            except psycopg.DatabaseError as error:
                outcome = self._explain(connection, error)
                if outcome is not None:
                    return outcome
            else:
                last_sequence, positions, repeated = row or (0, None, None)
                if repeated is not None:
                    return from_outcome(connection, repeated)
                return Appended(last_sequence, tuple(positions or ()))
        raise ConcurrencyError(self.aggregate_id, expectation(self.expected), None)

    def _encode(
        self, events: Sequence[AnyEvent], metadata: Metadata | Sequence[Metadata]
    ) -> tuple[Any, ...]:
        encoded = [encode_event(event) for event in events]
        shared = [metadata] if isinstance(metadata, Metadata) else metadata
        if len(shared) not in {1, len(encoded)}:
            raise UnstorableError("metadata", "must be one for all events or one for each")
        command = self.command
        return (
            self.aggregate_id,
            self.aggregate_type,
            self.expected,
            *self._columns(encoded, [encode_metadata(one) for one in shared]),
            command and command.command_id,
            command and command.command_type,
            command and command.payload,
        )

    def _columns(
        self, encoded: Sequence[tuple[str, int, bytes]], metadata: Sequence[bytes]
    ) -> tuple[Any, ...]:
        if self.statement is APPEND_ONE:
            [(event_type, version, data)] = encoded
            return self.event_ids[0], event_type, version, data.decode(), metadata[0].decode()
        return (
            UuidArray.of(self.event_ids),
            TextArray.of([event_type for event_type, _, _ in encoded]),
            IntArray.of([version for _, version, _ in encoded]),
            TextArray.of([data for _, _, data in encoded]),
            TextArray.of(metadata),
        )

    def _explain(self, connection: Connection, error: psycopg.DatabaseError) -> Appended | None:
        """Return what became of us, None to run again, or raise what the refusal means."""
        if is_passing(error):
            self.may_have_run = True
            raise error
        if connection.info.transaction_status is TransactionStatus.IDLE:  # nobody's transaction
            lost_race = error.diag.constraint_name == STREAM_KEY
            if self.may_have_run and (lost_race or is_conflict(error)):
                earlier = self._earlier(connection)
                if earlier is not None:
                    return earlier
            if error.sqlstate == NOT_ACCEPTED:
                return self._settled(connection, error)
            if lost_race:  # the winner has committed, so another look tells what it means
                return None
        raise self._meaning(error) from error

    def _earlier(self, connection: Connection) -> Appended | None:
        """A connection broke before: were the events stored, only the answer lost?"""
        rows = connection.execute(OURS, (UuidArray.of(self.event_ids),), binary=True).fetchall()
        return Appended(rows[-1][0], tuple(position for _, position in rows)) if rows else None

    def _settled(self, connection: Connection, error: psycopg.DatabaseError) -> Appended:
        """Somebody else settled the command: their outcome is ours."""
        try:
            row = connection.execute(OUTCOME, self.parameters[-3:], binary=True).fetchone()
        except psycopg.DatabaseError as refusal:
            raise self._meaning(refusal) from refusal
        if row is None or row[0] is None:
            raise NotAcceptedError(f"command {self.parameters[-3]} was never accepted") from error
        return from_outcome(connection, row[0])

    def _meaning(self, error: psycopg.DatabaseError) -> Exception:
        detail = error.diag.message_detail
        expected = expectation(self.expected)
        match error.sqlstate:
            case "FL001":
                return ConcurrencyError(self.aggregate_id, expected, int(detail or 0))
            case "FL002":
                return AggregateTypeError(self.aggregate_id, self.aggregate_type, str(detail))
            case "FL003":
                return CommandIdReusedError(self.parameters[-3])
            case "FL004":
                return NotAcceptedError(f"command {self.parameters[-3]}")
            case _ if error.diag.constraint_name == STREAM_KEY:
                return ConcurrencyError(self.aggregate_id, expected, None)
            case _:
                return error


def check_command(command: CommandRow) -> None:
    """Refuse by name what the table of commands would refuse less kindly."""
    if command.payload is not None:
        check_name(command.command_type or "", "command_type")
        check_text(command.payload, "payload")
        check_size(command.payload.encode(), "payload")


def is_conflict(error: psycopg.DatabaseError) -> bool:
    return error.sqlstate == STALE or error.diag.constraint_name == EVENT_KEY


def expectation(expected: int) -> str:
    """Say an expected version in words, for an error."""
    return {-1: "any version", -2: "an existing stream", 0: "no stream"}.get(
        expected, f"version {expected}"
    )


def type_of(events: Sequence[AnyEvent]) -> str:
    """Return the aggregate type that declares these events, when that is beyond doubt."""
    owners = {aggregate_of(type(event)) if isinstance(event, Event) else None for event in events}
    owner = owners.pop() if len(owners) == 1 else None
    if owner is None:
        raise UnstorableError("aggregate_type", "must be given: these events do not tell it")
    return owner.aggregate_type


def check_declared(aggregate_type: str, events: Sequence[AnyEvent]) -> None:
    """Refuse a typed event under an aggregate that does not declare it: it could not be read."""
    for event in events:
        if isinstance(event, Event) and event_class(aggregate_type, event.event_type) is None:
            raise UnstorableError("aggregate_type", f"does not declare {event.event_type}")


def from_outcome(connection: Connection, outcome: dict[str, Any]) -> Appended:
    """Give the first answer again; raises NotAcceptedError when the command was not done."""
    result = outcome["result"]
    if outcome["status"] != "done":
        raise NotAcceptedError(f"the command is {outcome['status']}")
    version, count = result["version"], result["events"]
    bounds = (result["aggregate_id"], version - count, version)
    rows = connection.execute(POSITIONS, bounds, binary=True).fetchall()
    return Appended(version, tuple(position for (position,) in rows), repeated=True)
