"""A snapshot and the tail behind it come to the same as the whole stream, wherever it is cut."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import msgspec

import domain.orders
import domain.users  # noqa: F401 - the aggregates whose streams are cut
import tests.hostile.boxes
import tests.toys  # noqa: F401 - likewise
from domain.aggregate import Aggregate, aggregate_class
from domain.event import Event
from store.codec import decode_event
from store.repository import Repository
from store.snapshots import encode_state, restore
from tests.chaos.evidence import Evidence, Fact, Facts

Kind: TypeAlias = type[Aggregate[Any, Any]]

MOST_SNAPSHOTS = 200
STREAMS_CUT = 60
STORED = "select aggregate_id, aggregate_type, version, state::text from fleetlog.snapshots"


def check_snapshots(evidence: Evidence, facts: Facts) -> Iterator[str]:
    stored = sorted(evidence.rows(STORED))
    for id, aggregate_type, version, state in sample(evidence, stored, MOST_SNAPSHOTS):
        cls, stream = aggregate_class(aggregate_type), facts.streams.get(id, ())
        if cls is None or not 0 < version <= len(stream):
            yield f"the snapshot of {aggregate_type} {id!r} at version {version} is of no stream"
        else:
            yield from check_stored(cls, stream, version, state)
    for id in sample(evidence, sorted(facts.streams), STREAMS_CUT):
        yield from check_cut(evidence, id, facts.streams[id])


def check_stored(cls: Kind, stream: Sequence[Fact], version: int, state: str) -> Iterator[str]:
    name = f"{cls.aggregate_type} {stream[0].aggregate_id!r}"
    events = decoded(stream)
    try:
        at_version = restore(cls, stream[0].aggregate_id, version, state)
    except msgspec.ValidationError as error:
        yield f"the snapshot of {name} at version {version} cannot be read: {error}"
        return
    if state_of(at_version) != state_of(fresh(cls, stream).replay(events[:version])):
        yield f"the snapshot of {name} at version {version} is not what its events come to"
    if state_of(at_version.replay(events[version:])) != state_of(fresh(cls, stream).replay(events)):
        yield f"the snapshot of {name} at version {version} and its tail miss the full fold"


def check_cut(evidence: Evidence, id: str, stream: Sequence[Fact]) -> Iterator[str]:
    cls = aggregate_class(stream[0].aggregate_type)
    if cls is None:
        yield f"nobody knows what {stream[0].aggregate_type} {id!r} is"
        return
    events = decoded(stream)
    full = fresh(cls, stream).replay(events)
    cut = evidence.random.randint(0, len(events))
    head = fresh(cls, stream).replay(events[:cut])
    again = restore(cls, id, cut, encode_state(head).decode())
    if state_of(again.replay(events[cut:])) != state_of(full):
        yield f"{cls.aggregate_type} {id!r} cut at version {cut} misses the full fold"
    if state_of(Repository(evidence.database).load(cls, id)) != state_of(full):
        yield f"{cls.aggregate_type} {id!r} is loaded otherwise than its events say"


def sample(evidence: Evidence, of: Sequence[Any], most: int) -> Sequence[Any]:
    return of if len(of) <= most else evidence.random.sample(of, most)


def decoded(stream: Sequence[Fact]) -> list[Event]:
    return [
        decode_event(fact.aggregate_type, fact.event_type, fact.version, fact.data, fact.position)
        for fact in stream
    ]


def fresh(cls: Kind, stream: Sequence[Fact]) -> Aggregate[Any, Any]:
    return cls(stream[0].aggregate_id)


def state_of(aggregate: Aggregate[Any, Any]) -> tuple[int, bytes]:
    """Return what two equal aggregates have in common, also those that a snapshot was read into."""
    return aggregate.version, encode_state(aggregate)
