"""What hypothesis thinks of, as events: an error that names the place, or read back equal."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given

from domain.event import Event
from store.codec import RawEvent
from store.errors import UnstorableError
from store.event_store import EventStore
from store.recorded import RecordedEvent
from store.storable import CONTROL, printable
from tests.hostile.doors import EVENTS, SEARCHED
from tests.hostile.event_inputs import Appending
from tests.hostile.searched import Tally, any_append, exact, searching, tallied
from tests.hostile.test_events import append, as_appended, as_read

PLACES = (
    *("aggregate_id", "aggregate_type", "metadata", "an event", "event_type", "version"),
    *("Noted", "WasPut", "Rang", "Labelled", "OrderPlaced", "UserCreated"),
)


@pytest.fixture(scope="module")
def appended() -> Iterator[Tally]:
    yield from tallied(EVENTS, SEARCHED[EVENTS] // 2)


def names_a_place(error: UnstorableError, one: Appending) -> bool:
    """Whether it says what is wrong: by the name of the event, or of the argument."""
    name = getattr(one.event, "event_type", None)
    places = (*PLACES, printable(name)) if isinstance(name, str) and name else PLACES
    return error.where.startswith(places) and not CONTROL.search(str(error))


def guessed(one: Appending, read: RecordedEvent) -> Appending:
    """Return it with the aggregate that its event's class belongs to, as none was named."""
    assert one.aggregate_type in {None, ""}
    return replace(one, aggregate_type=read.aggregate_type)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@searching(SEARCHED[EVENTS])
@given(one=any_append)
def test_it_is_refused_by_its_place_or_read_back_equal(
    appended: Tally, store: EventStore, one: Appending
) -> None:
    appended.add(one)
    before = store.safe_position()
    try:
        append(store, one)
    except UnstorableError as refused:
        assert names_a_place(refused, one), refused  # noqa: PT017 - either will do
        assert store.get_all_events(before) == []
        return
    [read] = store.get_all_events(before)

    given = as_appended(one) if one.aggregate_type else as_appended(guessed(one, read))

    assert exact(as_read(read)) == exact(given)
    if isinstance(one.event, Event):
        assert (read.event, exact(read.event)) == (one.event, exact(one.event))
    else:
        assert isinstance(one.event, RawEvent)
