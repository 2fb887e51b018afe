"""What the event store promises, in a few dicts and lists."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from domain.event import Event
from store.codec import AnyEvent
from store.errors import (
    AggregateTypeError,
    CommandIdReusedError,
    ConcurrencyError,
    NotAcceptedError,
    StoreError,
    UnstorableError,
)
from store.event_store import Appended, CommandRow, Expected
from store.recorded import RecordedEvent
from tests.toys import Toy


class Attempt(NamedTuple):
    """One call of `append_events`."""

    stream: str
    expected: int
    events: Sequence[AnyEvent]
    aggregate_type: str
    command: CommandRow | None = None


class Kept(NamedTuple):
    """An event as it must be read, wherever it is read."""

    stream: str
    aggregate_type: str
    number: int
    event_type: str
    version: int
    data: dict[str, Any]
    position: int


class Done(NamedTuple):
    """A command that took effect, and the answer it was given."""

    command_type: str | None
    payload: object
    answer: Appended


@dataclass
class EventModel:
    """Every stream in one list, in the global order."""

    log: list[Kept] = field(default_factory=list)
    done: dict[UUID, Done] = field(default_factory=dict)

    def stream(self, name: str) -> list[Kept]:
        return [kept for kept in self.log if kept.stream == name]

    def version(self, name: str) -> int:
        return len(self.stream(name))

    def after(self, position: int) -> list[Kept]:
        return [kept for kept in self.log if kept.position > position]

    def judge(self, attempt: Attempt) -> Appended | type[StoreError] | None:
        """Return the earlier answer or the refusal that is due, None when it is to be stored."""
        if attempt.aggregate_type != "Toy" and any(isinstance(e, Event) for e in attempt.events):
            return UnstorableError
        if attempt.command is not None and attempt.command.command_id in self.done:
            return self._again(attempt.command)
        before = self.stream(attempt.stream)
        if before and before[0].aggregate_type != attempt.aggregate_type:
            return AggregateTypeError
        if not is_met(attempt.expected, len(before)):
            return ConcurrencyError
        if attempt.command is not None and attempt.command.payload is None:
            return NotAcceptedError  # nobody accepted it before, and it brings no row
        return None

    def _again(self, command: CommandRow) -> Appended | type[StoreError]:
        done = self.done[command.command_id]
        if command.payload is None:
            return done.answer
        same = (command.command_type, as_json(command)) == (done.command_type, done.payload)
        return done.answer if same else CommandIdReusedError

    def keep(self, attempt: Attempt, appended: Appended) -> None:
        """Note what was stored, and at which positions the store says it was."""
        last = self.log[-1].position if self.log else 0
        first = self.version(attempt.stream) + 1
        assert len(appended.positions) == len(attempt.events)
        assert appended.version == first - 1 + len(attempt.events)
        for number, (event, position) in enumerate(
            zip(attempt.events, appended.positions, strict=True), first
        ):
            assert position > last
            last = position
            self.log.append(kept(attempt, event, number, position))
        if attempt.command is not None:
            self.done[attempt.command.command_id] = Done(
                attempt.command.command_type, as_json(attempt.command), appended
            )


def is_met(expected: int, version: int) -> bool:
    match expected:
        case Expected.ANY:
            return True
        case Expected.EXISTS:
            return version > 0
        case _:
            return expected == version


def as_json(command: CommandRow) -> object:
    """Compare payloads as PostgreSQL does: by what they say, not how they are written."""
    return None if command.payload is None else msgspec.json.decode(command.payload)


def kept(attempt: Attempt, event: AnyEvent, number: int, position: int) -> Kept:
    typed = isinstance(event, Event)
    version = event.schema_version if isinstance(event, Event) else event.version
    data = msgspec.to_builtins(event) if typed else event.data  # type: ignore[union-attr]
    return Kept(
        attempt.stream, attempt.aggregate_type, number, event.event_type, version, data, position
    )


def as_kept(events: list[RecordedEvent]) -> list[Kept]:
    return [
        Kept(
            event.aggregate_id,
            event.aggregate_type,
            event.sequence_number,
            event.event_type,
            event.version,
            msgspec.json.decode(event.data),
            event.global_sequence,
        )
        for event in events
    ]


def state(toy: Toy) -> tuple[int, int, tuple[int, ...], str]:
    return toy.version, toy.rung, toy.notes, toy.label


def folded(events: list[Kept]) -> tuple[int, int, tuple[int, ...], str]:
    rung = tuple(event.data["note"] for event in events if event.event_type == "Rang")
    labels = [event.data["text"] for event in events if event.event_type == "Labelled"]
    return len(events), len(rung), rung, labels[-1] if labels else ""
