"""The fold: pure, so it is tested without a database."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from store.errors import UnknownEventError
from store.folding import PoisonError, fold, keys_of
from store.parking import BEHIND
from store.projection import Key, Projection, Rows
from store.recorded import RecordedEvent
from tests.toy_shelf import UNLUCKY, ToyEntry, ToyShelf

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def event(position: int, toy_id: str, note: int = 1, *, event_type: str = "Rang") -> RecordedEvent:
    data = f'{{"note": {note}}}'
    return RecordedEvent(position, toy_id, "Toy", event_type, 1, position, NOW, data)


def key(toy_id: str) -> Key:
    return (ToyEntry, toy_id)


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a note was rung, by whomever."""

    note: int
    times: int


class Tallies(Projection):
    """Rows that depend on all toys at once; a note that is rung ten times is forgotten."""

    name, version = "tallies", 1
    tables = {}  # noqa: RUF012 - folded in memory only
    aggregate_types = frozenset({"Toy"})

    def keys(self, event: RecordedEvent) -> Iterable[Key]:
        return ((Tally, event.payload["note"]),)

    def evolve(self, rows: Rows, event: RecordedEvent) -> Rows:
        (found,) = self.keys(event)
        times = row.times + 1 if (row := rows.get(found)) else 1
        return {found: None if times == 10 else Tally(event.payload["note"], times)}


def test_rows_are_folded_event_by_event() -> None:
    loaded = {key("a"): ToyEntry("a", 5, 0, "x")}
    folded = fold(ToyShelf(), loaded, [event(1, "a"), event(2, "b"), event(3, "a", 2)], set())

    assert dict(folded.changes()) == {
        key("a"): ToyEntry("a", 7, 2, "x"),
        key("b"): ToyEntry("b", 1, 1, None),
    }
    assert folded.parked == []


def test_a_row_may_depend_on_many_streams_and_may_go() -> None:
    events = [event(n, f"toy {n}", note=n % 2) for n in range(1, 12)]
    folded = fold(Tallies(), {(Tally, 0): Tally(0, 5)}, events, set())

    assert keys_of(Tallies(), events) == {(Tally, 0), (Tally, 1)}
    assert dict(folded.changes()) == {(Tally, 0): None, (Tally, 1): Tally(1, 6)}


def test_poison_parks_its_stream_from_there_on_and_no_other() -> None:
    events = [event(1, "a"), event(2, "a", UNLUCKY), event(3, "b"), event(4, "a")]
    folded = fold(ToyShelf(), {}, events, set())

    assert [(one.event.global_sequence, one.error) for one in folded.parked] == [
        (2, "ValueError: such a note is not played here"),
        (4, BEHIND),
    ]
    assert dict(folded.changes()) == {
        key("a"): ToyEntry("a", 1, 1, None),
        key("b"): ToyEntry("b", 1, 1, None),
    }


def test_events_of_a_stream_that_is_parked_already_wait_behind() -> None:
    unknown = event(2, "a", event_type="Melted")
    folded = fold(ToyShelf(), {}, [event(1, "a"), unknown, event(3, "b")], {"a"})

    assert [(one.event.global_sequence, one.error) for one in folded.parked] == [
        (1, BEHIND),
        (2, BEHIND),
    ]
    assert folded.changed.keys() == {key("b")}


def test_poison_halts_where_nothing_may_be_left_out() -> None:
    with pytest.raises(PoisonError, match="event Rang at position 2: ValueError") as halted:
        fold(ToyShelf(parks=False), {}, [event(1, "a"), event(2, "b", UNLUCKY)], set())

    assert halted.value.event.global_sequence == 2


@pytest.mark.parametrize("parks", [True, False])
def test_an_event_that_no_class_knows_halts_every_projection(*, parks: bool) -> None:
    unknown = event(2, "a", event_type="Melted")

    with pytest.raises(UnknownEventError, match="'Melted' version 1 at position 2"):
        fold(ToyShelf(parks=parks), {}, [event(1, "a"), unknown], set())


def test_an_unknown_event_that_is_ignorable_changes_nothing() -> None:
    class Relaxed(ToyShelf):
        ignorable = frozenset({"Melted"})

    folded = fold(Relaxed(), {}, [event(1, "a", event_type="Melted"), event(2, "a")], set())

    assert dict(folded.changes()) == {key("a"): ToyEntry("a", 1, 1, None)}
    assert folded.parked == []


def test_a_row_that_stays_as_it_is_is_not_written() -> None:
    class Lazy(ToyShelf):
        def evolve_row(self, row: ToyEntry | None, event: RecordedEvent) -> ToyEntry | None:
            return row or super().evolve_row(row, event)

    loaded = {key("a"): ToyEntry("a", 1, 1, None)}
    folded = fold(Lazy(), loaded, [event(1, "a"), event(2, "b")], set())

    assert folded.changed.keys() == {key("b")}


def test_an_event_whose_keys_cannot_be_told_is_poison_when_its_turn_comes() -> None:
    nameless = RecordedEvent(2, "b", "Toy", "Rang", 1, 1, NOW, "{}")
    events = [event(1, "a"), nameless]

    assert keys_of(Tallies(), events) == {(Tally, 1)}
    with pytest.raises(PoisonError, match="position 2: KeyError"):
        fold(Tallies(), {}, events, set())
