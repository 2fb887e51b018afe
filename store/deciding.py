"""A batch of decisions: commands run against their aggregates, in memory, ready to settle."""

from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from domain.aggregate import Aggregate, aggregate_for
from domain.errors import DomainError
from store.arrays import BigIntArray, IntArray, TextArray, UuidArray
from store.codec import Metadata, encode_event
from store.command_codec import decode_command, describe
from store.errors import AggregateTypeError, TooSlowError, UnknownCommandError
from store.identity import uuid7
from store.patience import at_most

# Below a writer's transaction timeout: the failure is noted, and the neighbours are settled.
DECISION_SECONDS = 4.0


class Waiting(NamedTuple):
    """An accepted command, as it lies in its inbox."""

    command_id: UUID
    command_type: str
    aggregate_id: str
    payload: str
    metadata: str
    attempts: int
    rest: float | None = None  # seconds until it may be tried again, after a failure


@dataclass(frozen=True)
class Decision:
    """What is to be recorded for one command: its events, or the refusal."""

    waiting: Waiting
    first_number: int
    events: tuple[tuple[str, int, bytes], ...] = ()
    error: dict[str, Any] | None = None


@dataclass(frozen=True)
class Failure:
    """A command that could not be decided: not a refusal, but a fault of the code or its data."""

    waiting: Waiting
    error: Exception


class Batch:
    """
    Decisions on several aggregates, in the order of acceptance.

    A failure closes the inbox behind it for this batch: what comes later must not overtake.
    """

    def __init__(self, aggregates: dict[str, Aggregate[Any, Any]]) -> None:
        self.aggregates = aggregates
        self.decisions: list[Decision] = []
        self.failures: dict[str, Failure] = {}
        self.postponed = False  # a refusal closed an inbox behind which nothing is wrong
        self._closed: set[str] = set()
        self._expected = {id: aggregate.version for id, aggregate in aggregates.items()}

    def decide(self, waiting: Waiting) -> None:
        """Run one command; whatever it raises stays here."""
        if waiting.aggregate_id in self._closed:
            self.postponed |= waiting.aggregate_id not in self.failures
            return
        owner = aggregate_for(waiting.command_type)
        if owner is None:
            self._fail(waiting, UnknownCommandError(waiting.command_type))
            return
        try:  # a payload that does not fit was accepted by other code: no answer of the domain's
            command = decode_command(waiting.command_type, waiting.payload)
        except Exception as error:  # noqa: BLE001 - a command's own checks are the user's code
            self._fail(waiting, error)
            return
        aggregate = self._addressed(waiting.aggregate_id, owner)
        recorded = len(aggregate.pending)
        first = aggregate.version + recorded + 1
        try:
            require_type(aggregate, owner)
            with at_most(DECISION_SECONDS, TooSlowError(DECISION_SECONDS)):
                aggregate.execute(command)
            events = tuple(encode_event(event) for event in aggregate.pending[recorded:])
            self.decisions.append(Decision(waiting, first, events))
        except (DomainError, AggregateTypeError) as refusal:
            if len(aggregate.pending) > recorded:  # its state holds what it then refused
                self._closed.add(waiting.aggregate_id)
            self.decisions.append(Decision(waiting, first, error=describe(refusal)))
        except Exception as error:  # noqa: BLE001 - the domain is the user's code
            self._fail(waiting, error)

    def _addressed(self, id: str, owner: type[Aggregate[Any, Any]]) -> Aggregate[Any, Any]:
        """Return the aggregate; one without a stream may still become of any type."""
        aggregate = self.aggregates[id]
        if aggregate.version == 0 and not aggregate.pending and not isinstance(aggregate, owner):
            aggregate = self.aggregates[id] = owner(id)
        return aggregate

    def _fail(self, waiting: Waiting, error: Exception) -> None:
        self._closed.add(waiting.aggregate_id)
        self.failures[waiting.aggregate_id] = Failure(waiting, error)

    @property
    def reusable(self) -> list[Aggregate[Any, Any]]:
        """Aggregates whose state is what the store will hold once this batch is settled."""
        return [a for id, a in self.aggregates.items() if id not in self._closed]

    @property
    def appended_types(self) -> set[str]:
        """Aggregate types that got new events: their projections have work."""
        grown = {d.waiting.aggregate_id for d in self.decisions if d.events}
        return {self.aggregates[id].aggregate_type for id in grown}

    def parameters(self) -> tuple[Any, ...]:
        """Return the arguments of `settle_commands`."""
        decisions = self.decisions
        streams = list(dict.fromkeys(d.waiting.aggregate_id for d in decisions))
        place = {id: number for number, id in enumerate(streams, start=1)}
        events = [
            (command, *event) for command, d in enumerate(decisions, start=1) for event in d.events
        ]
        return (
            TextArray.of(streams),
            TextArray.of([self.aggregates[id].aggregate_type for id in streams]),
            BigIntArray.of([self._expected[id] for id in streams]),
            UuidArray.of([d.waiting.command_id for d in decisions]),
            IntArray.of([place[d.waiting.aggregate_id] for d in decisions]),
            BigIntArray.of([d.first_number - 1 + len(d.events) for d in decisions]),
            TextArray.of([error_text(d.error) for d in decisions]),
            TextArray.of([event_metadata(d.waiting) for d in decisions]),
            UuidArray.of([uuid7() for _ in events]),
            IntArray.of([command for command, *_ in events]),
            TextArray.of([event_type for _, event_type, _, _ in events]),
            IntArray.of([version for *_, version, _ in events]),
            TextArray.of([data for *_, data in events]),
        )


def require_type(aggregate: Aggregate[Any, Any], owner: type[Aggregate[Any, Any]]) -> None:
    """Ids are shared by all aggregate types: the first to use one keeps it."""
    if not isinstance(aggregate, owner):
        raise AggregateTypeError(aggregate.id, owner.aggregate_type, aggregate.aggregate_type)


def error_text(error: dict[str, Any] | None) -> bytes | None:
    return None if error is None else msgspec.json.encode(error)


def event_metadata(waiting: Waiting) -> bytes:
    """The command's envelope, handed on: the command is what caused these events."""
    envelope = msgspec.json.decode(waiting.metadata, type=Metadata)
    command_id = str(waiting.command_id)
    caused = msgspec.structs.replace(
        envelope,
        command_id=command_id,
        causation_id=command_id,
        correlation_id=envelope.correlation_id or command_id,
    )
    return msgspec.json.encode(caused)
