"""Hostile events through `append_events`: refused by their place, or read back as they were."""

from collections import defaultdict
from itertools import islice

import msgspec
import pytest

from domain.event import Event
from store.codec import RawEvent
from store.errors import UnstorableError
from store.event_store import EventStore, Expected
from store.recorded import RecordedEvent
from store.storable import CONTROL
from tests.hostile.doors import EVENTS, INPUTS, SEARCHED
from tests.hostile.event_inputs import Appending, hostile_appends
from tests.hostile.generate import seeded

IN_BATCHES = 200
ALONE = INPUTS[EVENTS] - SEARCHED[EVENTS] - IN_BATCHES
GOOD = [RawEvent(event_type="Noted", data={"note": number}) for number in range(3)]


def drawn(seed: int, number: int) -> list[Appending]:
    return list(islice(hostile_appends(seeded(seed)), number))


def append(store: EventStore, one: Appending, *, among: int = 0) -> None:
    store.append_events(
        one.aggregate_id,
        Expected.ANY,
        [*GOOD[:among], one.event, *GOOD[among:]] if among else [one.event],
        aggregate_type=one.aggregate_type,
        metadata=one.metadata,
    )


def as_appended(one: Appending) -> tuple[object, ...]:
    event = one.event
    name = event.event_type
    data = event.data if isinstance(event, RawEvent) else msgspec.to_builtins(event)
    return one.aggregate_id, one.aggregate_type, name, data, one.metadata.actor, one.metadata.reason


def as_read(event: RecordedEvent) -> tuple[object, ...]:
    meta = event.metadata
    return (
        *(event.aggregate_id, event.aggregate_type, event.event_type),
        *(event.payload, meta.actor, meta.reason),
    )


def test_a_hostile_event_is_refused_by_its_place_or_read_back_as_it_was(store: EventStore) -> None:
    sent = drawn(6, ALONE)
    for one in sent:
        if one.is_legal:
            append(store, one)
            continue
        with pytest.raises(UnstorableError) as refused:
            append(store, one)
        assert refused.value.where.startswith(str(one.names)), one.names
        assert not CONTROL.search(str(refused.value))
    legal = [one for one in sent if one.is_legal]
    read = store.get_all_events(limit=ALONE)
    typed = [(e.event, one.event) for e, one in zip(read, legal, strict=True) if is_typed(one)]

    assert [as_read(event) for event in read] == [as_appended(one) for one in legal]
    assert all(found == given for found, given in typed)
    assert len(typed) > 0


def is_typed(one: Appending) -> bool:
    return isinstance(one.event, Event)


def test_ids_that_look_alike_are_streams_of_their_own(store: EventStore) -> None:
    legal = [one for one in drawn(7, 4 * IN_BATCHES) if one.is_legal]
    streams = defaultdict(list)
    for one in legal:
        append(store, one)
        streams[one.aggregate_id].append(as_appended(one))

    assert len(streams) > 1
    for aggregate_id, events in streams.items():
        found = store.load_events(aggregate_id)
        assert [as_read(event) for event in found] == events
        assert [event.sequence_number for event in found] == list(range(1, len(events) + 1))


def test_one_hostile_event_takes_its_whole_append_back(store: EventStore) -> None:
    """What is wrong with a whole call (its id, its metadata) is in the first test."""
    bad = [one for one in drawn(8, 4 * IN_BATCHES) if not one.is_legal][:IN_BATCHES]
    for one in bad:
        with pytest.raises(UnstorableError) as refused:
            append(store, one, among=2)
        assert refused.value.where.startswith(str(one.names)), one.names

    assert len(bad) == IN_BATCHES
    assert store.get_all_events() == []
