"""What can go wrong between us and the store."""

from dataclasses import dataclass
from uuid import UUID


class StoreError(Exception):
    """Base of all store errors."""


@dataclass(eq=False)
class ConcurrencyError(StoreError):
    """Another writer appended to the stream first; load it again and decide again."""

    aggregate_id: str
    expected: str
    actual: int | None

    def __str__(self) -> str:
        actual = "has moved on" if self.actual is None else f"is at version {self.actual}"
        return f"stream {self.aggregate_id!r} {actual}, expected {self.expected}"


@dataclass(eq=False)
class AggregateTypeError(StoreError):
    """The stream belongs to an aggregate of another type; ids are shared by all types."""

    aggregate_id: str
    given: str
    actual: str

    def __str__(self) -> str:
        return f"stream {self.aggregate_id!r} belongs to a {self.actual}, not to a {self.given}"


@dataclass(eq=False)
class CommandIdReusedError(StoreError):
    """A command id came back with another type or payload: a client's mistake, never a repeat."""

    command_id: UUID

    def __str__(self) -> str:
        return f"command id {self.command_id} was used before, for another command"


@dataclass(eq=False)
class EventIdReusedError(StoreError):
    """An event id came back with other content: two facts, or one that somebody changed."""

    event_id: UUID
    where: str

    def __str__(self) -> str:
        return f"id: the event {self.event_id} stands {self.where} already, with other content"


@dataclass(eq=False)
class OtherHistoryError(StoreError):
    """An aggregate has events that are not the import's own; to go on behind them is a choice."""

    aggregate_id: str
    version: int
    own: int

    def __str__(self) -> str:
        own = f"the last of this file's is number {self.own}" if self.own else "none of this file"
        return (
            f"subject: {self.aggregate_id!r} has {self.version} events already, {own}; "
            "--append puts these behind them"
        )


@dataclass(eq=False)
class NotAcceptedError(StoreError):
    """A command is not, or no longer, waiting to be handled: somebody else settled it."""

    detail: str

    def __str__(self) -> str:
        return f"no longer accepted: {self.detail}"


@dataclass(eq=False)
class UnstorableError(StoreError):
    """A value that would not be read back as it was given; nothing was stored."""

    where: str
    rule: str

    def __str__(self) -> str:
        return f"{self.where} {self.rule}"


@dataclass(eq=False)
class UnknownCommandError(StoreError):
    """No aggregate here answers this command; a newer worker may."""

    command_type: str

    def __str__(self) -> str:
        return (
            f"no aggregate answers {self.command_type!r}; is its module named in FLEETLOG_DOMAIN?"
        )


@dataclass(eq=False)
class UnknownEventError(StoreError):
    """No class knows this event, or none this recent: an older worker meets a newer event."""

    aggregate_type: str
    event_type: str
    version: int
    position: int

    def __str__(self) -> str:
        return (
            f"no class here knows {self.aggregate_type} event {self.event_type!r} version "
            f"{self.version} at position {self.position}; deploy the code that wrote it, "
            f"or list it as ignorable"
        )


@dataclass(eq=False)
class UndecodableEventError(StoreError):
    """The stored data does not fit the class; this event is set aside, others are read."""

    event_type: str
    version: int
    position: int
    reason: str

    def __str__(self) -> str:
        return (
            f"event {self.event_type!r} version {self.version} at position {self.position} "
            f"cannot be read: {self.reason}"
        )


@dataclass(eq=False)
class TooSlowError(StoreError):
    """A command that was interrupted while it was being decided."""

    seconds: float

    def __str__(self) -> str:
        return f"no decision within {self.seconds:g} s, which is all the time a command has"


@dataclass(eq=False)
class UnreplayableError(StoreError):
    """An aggregate whose `apply` does not take what its own stream holds."""

    aggregate_id: str
    aggregate_type: str
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.aggregate_type} {self.aggregate_id} cannot be replayed: its apply raises "
            f"{self.reason}"
        )


@dataclass(eq=False)
class FencedError(StoreError):
    """Another writer took this projection over; what this one had in hand was rolled back."""

    projection: str

    def __str__(self) -> str:
        return f"projection {self.projection!r} has another writer now; nothing was written"


@dataclass(eq=False)
class NoReaderError(StoreError):
    """No checkpoint has this name: not made yet, or its projection is read in partitions."""

    reader: str

    def __str__(self) -> str:
        return f"nothing called {self.reader!r} has a checkpoint; run: fleetlog migrate"


@dataclass(eq=False)
class GenerationError(StoreError):
    """What was asked of a projection's generations cannot be done; nothing was changed."""

    projection: str
    reason: str

    def __str__(self) -> str:
        return f"projection {self.projection} {self.reason}"


@dataclass(eq=False)
class ReplayTargetError(StoreError):
    """The table that a replay was to fill cannot be used; nothing was changed."""

    table: str
    reason: str

    def __str__(self) -> str:
        return f"the table {self.table} {self.reason}"


@dataclass(eq=False)
class NotAlignedError(StoreError):
    """A generation stands behind the live one, so it cannot take its place yet."""

    projection: str
    position: int
    needed: int

    def __str__(self) -> str:
        return (
            f"{self.projection} is built up to {self.position:,}, the live rows to {self.needed:,}"
        )


@dataclass(eq=False)
class UnsafeReaderError(StoreError):
    """The reader's session cannot see what is final: a standby, or a frozen snapshot."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class DomainSetupError(StoreError):
    """The domain or a projection is declared in a way that cannot work; told at start."""

    reason: str

    def __str__(self) -> str:
        return self.reason
