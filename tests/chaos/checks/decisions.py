"""Every answer is true: the domain, asked again at the version it was decided on, says the same."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from domain.aggregate import Aggregate, aggregate_class, aggregate_for
from domain.command import Command
from domain.errors import DomainError
from store.codec import decode_event, encode_event
from store.command_codec import decode_command
from tests.chaos.evidence import Evidence, Fact, Facts

State: TypeAlias = Aggregate[Any, Any]
TIME = attrgetter("timestamp")
# By command id: who was accepted before whom.
Turns: TypeAlias = Mapping[str, int]

# A message that can never be a command names no aggregate; nobody has decided about it.
SETTLED = """
select command_id, command_type, aggregate_id, status, payload::text, error ->> 'type', finished_at
from fleetlog.commands
where status in ('done', 'rejected') and aggregate_id <> '' order by accepted_no
"""
OTHER_TYPE = "AggregateTypeError"


class Settled(NamedTuple):
    """A command and how it ended; `refusal` is the name of the error's class."""

    command_id: UUID
    command_type: str
    aggregate_id: str
    status: str
    data: str
    refusal: str | None
    finished_at: datetime

    def __str__(self) -> str:
        return f"{self.command_type} {self.command_id}"


class Answer(NamedTuple):
    """What the domain says: events by type and data, or a refusal."""

    events: tuple[tuple[str, bytes], ...] = ()
    refusal: str | None = None


def check_decisions(evidence: Evidence, facts: Facts) -> Iterator[str]:
    decided: dict[str, list[Settled]] = {}
    for row in evidence.rows(SETTLED):
        settled = Settled(*row)
        decided.setdefault(settled.aggregate_id, []).append(settled)
    for aggregate_id, rows in decided.items():
        stream = facts.streams.get(aggregate_id, ())
        yield from check_stream(aggregate_id, stream, rows, facts.effects)


def check_stream(
    aggregate_id: str,
    stream: Sequence[Fact],
    rows: Sequence[Settled],
    effects: Mapping[UUID, Sequence[Fact]],
) -> Iterator[str]:
    states = States(aggregate_id, stream)
    turns = {str(row.command_id): turn for turn, row in enumerate(rows)}
    places = {fact.position: place for place, fact in enumerate(stream)}
    for row in rows:
        events = effects.get(row.command_id, ())
        if events and events[0].position in places:
            place = places[events[0].position]
            versions: Sequence[int] = [place]
        elif events:
            continue  # in a stranger's stream, which is not for us to say
        else:
            versions = possible_versions(stream, turns, row)
        answer = Answer(tuple(as_told(fact) for fact in events), row.refusal)
        said = [asked_again(states, version, row) for version in versions]
        if answer not in said:
            yield f"{row} {in_words(answer)}, and at version {spelt(versions)} the domain " + (
                " or ".join(sorted({in_words(one) for one in said}))
            )


def possible_versions(stream: Sequence[Fact], turns: Turns, row: Settled) -> Sequence[int]:
    """
    Return the versions at which a command without events can have been decided.

    The inbox lock puts the transactions of one aggregate in a row, so what bears an earlier time
    was there. Only in one batch with the last of it, the command stands where its turn was.
    """
    most = bisect_right(stream, row.finished_at, key=TIME)
    least = bisect_left(stream, TIME(stream[most - 1]), key=TIME) if most else 0
    turn = turns[str(row.command_id)]
    before = sum(turns.get(str(fact.command_id), -1) < turn for fact in stream[least:most])
    return sorted({least + before, most})


class States:
    """An aggregate at each of its versions; they are asked for about in order."""

    def __init__(self, aggregate_id: str, stream: Sequence[Fact]) -> None:
        self._id, self._stream = aggregate_id, stream
        self._kept: dict[type[State], list[State]] = {}

    def at(self, version: int, cls: type[State]) -> State:
        """Return a copy, which may be changed."""
        kept = self._kept.setdefault(cls, [cls(self._id)])
        while len(kept) <= version:
            kept.append(again(kept[-1]).replay([decoded(self._stream[len(kept) - 1])]))
        return again(kept[version])

    def is_of(self, cls: type[State], version: int) -> bool:
        """Whether the stream is of this type; before its first event it is of any."""
        return version == 0 or self._stream[0].aggregate_type == cls.aggregate_type


def asked_again(states: States, version: int, row: Settled) -> Answer:
    owner = aggregate_for(row.command_type)
    if owner is None:
        return Answer(refusal="knows no such command")
    if not states.is_of(owner, version):
        return Answer(refusal=OTHER_TYPE)
    try:
        command: Command = decode_command(row.command_type, row.data)
        aggregate = states.at(version, owner)
        aggregate.execute(command)
    except DomainError as refusal:
        return Answer(refusal=type(refusal).__qualname__)
    return Answer(tuple((e.event_type, encode_event(e)[2]) for e in aggregate.pending))


def again(aggregate: State) -> State:
    """What a state remembers cannot be changed in place, so a shallow copy is one of its own."""
    other = copy(aggregate)
    other.pending = []
    return other


def decoded(fact: Fact) -> Any:
    return decode_event(
        fact.aggregate_type, fact.event_type, fact.version, fact.data, fact.position
    )


def as_told(fact: Fact) -> tuple[str, bytes]:
    """Return an event as today's code writes it, whatever PostgreSQL made of its spaces."""
    cls = aggregate_class(fact.aggregate_type)
    if cls is None or fact.event_type not in cls.event_classes:
        return fact.event_type, fact.data.encode()
    return fact.event_type, encode_event(decoded(fact))[2]


def in_words(answer: Answer) -> str:
    if answer.refusal:
        return f"refuses by {answer.refusal}"
    kinds = ", ".join(event_type for event_type, _ in answer.events)
    return f"records {kinds or 'nothing'}"


def spelt(versions: Sequence[int]) -> str:
    return " or ".join(map(str, versions))
