"""Projections: a fold into rows, moved on in one transaction by the one whose turn it is."""

import random
from collections.abc import Callable

import psycopg
import pytest

from domain.event import Event
from store.codec import RawEvent
from store.engine import Database
from store.errors import FencedError, UndecodableEventError, UnknownEventError
from store.folding import PoisonError
from store.read_model_tables import restart
from store.recorded import RecordedEvent
from tests import toys
from tests.conftest import TestDatabase
from tests.integration.order_load import INTO, ROW, facts
from tests.integration.shelves import OWNER, Shelf, labelled, rang
from tests.toy_shelf import UNLUCKY, ToyEntry, ToyShelf

NEVER_HEARD_OF = RawEvent(event_type="Melted", data={"degrees": 900})


@pytest.fixture
def shelf(database: Database) -> Shelf:
    return Shelf(database, ToyShelf())


@pytest.fixture
def strict(database: Database) -> Shelf:
    """One whose rows would mean something else if a stream were left out."""
    return Shelf(database, ToyShelf(parks=False))


def fill(shelf: Shelf, seed: int, count: int) -> None:
    """Append a jumble of events to a few streams."""
    dice = random.Random(seed)  # noqa: S311 - a load, no secret
    for number in range(count):
        toy_id = f"toy {dice.randrange(9)}"
        if dice.random() < 0.3:
            shelf.append(toy_id, labelled(f"l{number}"))
        else:
            shelf.append(toy_id, *rang(*(dice.randrange(9) for _ in range(dice.randint(1, 3)))))


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_rows_equal_a_fold_from_scratch_whatever_the_batches(
    database: Database, batch_size: int
) -> None:
    shelf = Shelf(database, ToyShelf(), batch_size)
    for part in range(3):
        fill(shelf, part, 15)
        shelf.catch_up()
    rows = shelf.rows()

    assert len(rows) > 5
    assert rows == shelf.from_scratch()
    assert shelf.position == shelf.store.safe_position()


def test_a_batch_takes_what_is_new_and_says_whether_there_is_more(database: Database) -> None:
    shelf = Shelf(database, ToyShelf(), batch_size=2)
    shelf.append("a", *rang(1, 2, 3))
    first = shelf.projector.advance(shelf.turn())
    second = shelf.projector.advance(first.checkpoint)
    third = shelf.projector.advance(second.checkpoint)

    assert [(one.events, one.caught_up) for one in (first, second, third)] == [
        (2, False),
        (1, True),
        (0, True),
    ]
    assert shelf.rows() == {"a": ToyEntry("a", 3, 3, None)}


def test_what_is_not_final_yet_is_not_folded(shelf: Shelf, fresh: TestDatabase) -> None:
    with psycopg.connect(fresh.admin_url) as open_one:
        open_one.execute(f"{INTO} values {ROW}".encode(), ("other", 1))
        shelf.append("a", *rang(1))
        waiting = shelf.catch_up()
        rows = shelf.rows()
        open_one.commit()
    after = shelf.catch_up()

    assert (waiting.checkpoint.last_global_sequence, rows) == (0, {})
    assert after.checkpoint.last_global_sequence == 2
    assert shelf.rows() == shelf.from_scratch()


def test_events_that_nobody_claims_pass_by(shelf: Shelf) -> None:
    shelf.store.append_events("permit", 0, facts(5), aggregate_type="Permit")
    last = shelf.append("a", *rang(1))
    shelf.store.append_events("permit 2", 0, facts(1), aggregate_type="Permit")
    advanced = shelf.catch_up()

    assert advanced.checkpoint.last_global_sequence == last + 1
    assert shelf.rows().keys() == {"a"}


@pytest.mark.parametrize("parks", [True, False])
def test_an_event_that_no_class_knows_halts_loudly_and_what_stands_before_it_is_folded(
    database: Database, *, parks: bool
) -> None:
    shelf = Shelf(database, ToyShelf(parks=parks))
    before = shelf.append("a", *rang(1, 2))
    shelf.append("b", NEVER_HEARD_OF)
    shelf.append("a", *rang(3))
    halts = []
    for _ in range(2):
        with pytest.raises(UnknownEventError) as halted:
            shelf.catch_up()
        halts.append(halted.value)

    assert [(halt.event_type, halt.position) for halt in halts] == 2 * [("Melted", before + 1)]
    assert shelf.position == before
    assert shelf.rows() == {"a": ToyEntry("a", 2, 2, None)}
    assert shelf.parked() == []


def test_an_event_of_a_newer_version_than_ours_halts_as_well(shelf: Shelf) -> None:
    shelf.append("a", RawEvent(event_type="Rang", version=2, data={"note": 1, "loud": True}))

    with pytest.raises(UnknownEventError, match="Toy event 'Rang' version 2"):
        shelf.catch_up()
    assert shelf.position == 0


def test_a_later_code_that_knows_the_event_goes_on(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Melted(Event):
        degrees: int

    shelf.append("a", *rang(1))
    shelf.append("a", NEVER_HEARD_OF)
    last = shelf.append("a", *rang(2))
    with pytest.raises(UnknownEventError):
        shelf.catch_up()
    monkeypatch.setitem(toys.Toy.event_classes, "Melted", Melted)
    monkeypatch.setattr(ToyShelf, "evolve_row", with_melting(Melted))
    shelf.catch_up()

    assert shelf.position == last
    assert shelf.rows() == {"a": ToyEntry("a", 2, 2, "melted")}


def with_melting(melted: type[Event]) -> Callable[..., ToyEntry | None]:
    usual = ToyShelf.evolve_row

    def evolve_row(self: ToyShelf, row: ToyEntry | None, event: RecordedEvent) -> ToyEntry | None:
        if isinstance(event.event, melted):
            return ToyEntry(event.aggregate_id, row.rung if row else 0, None, "melted")
        return usual(self, row, event)

    return evolve_row


def test_an_unknown_event_that_is_listed_as_ignorable_passes_by(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToyShelf, "ignorable", frozenset({"Melted"}))
    shelf.append("a", *rang(1))
    shelf.append("a", NEVER_HEARD_OF)
    last = shelf.append("a", *rang(2))
    shelf.catch_up()

    assert shelf.position == last
    assert shelf.rows() == {"a": ToyEntry("a", 2, 2, None)}


def test_a_poison_event_halts_a_projection_that_must_not_leave_anything_out(
    strict: Shelf,
) -> None:
    before = strict.append("a", *rang(1))
    strict.append("a", *rang(UNLUCKY))
    strict.append("b", *rang(1))
    with pytest.raises(PoisonError, match=f"event Rang at position {before + 1}: ValueError"):
        strict.catch_up()
    halted = (strict.position, strict.rows().keys())
    strict.projection.superstitious = False
    strict.catch_up()

    assert (halted[0], set(halted[1])) == (before, {"a"})
    assert strict.parked() == []
    assert strict.rows() == strict.from_scratch()


def test_an_event_that_cannot_be_decoded_is_poison_too(strict: Shelf) -> None:
    strict.append("a", RawEvent(event_type="Rang", data={"note": "la"}))

    with pytest.raises(PoisonError, match=UndecodableEventError.__name__):
        strict.catch_up()
    assert strict.position == 0


class CrashError(BaseException):
    """The process is gone: no handler of ours may see this."""


def test_a_crash_within_a_batch_leaves_neither_rows_nor_checkpoint(database: Database) -> None:
    def crash(event: RecordedEvent) -> None:
        if event.global_sequence == last:
            raise CrashError

    shelf = Shelf(database, ToyShelf(on_event=crash))
    last = 0
    shelf.append("a", *rang(1))
    before = shelf.catch_up().checkpoint
    last = shelf.append("b", *rang(1, 2))
    with pytest.raises(CrashError):
        shelf.projector.advance(before)
    crashed = (shelf.position, shelf.rows().keys())
    last = 0
    shelf.catch_up()

    assert (crashed[0], set(crashed[1])) == (before.last_global_sequence, {"a"})
    assert shelf.rows() == shelf.from_scratch()


def test_a_writer_that_lost_its_turn_writes_nothing(shelf: Shelf) -> None:
    shelf.append("a", *rang(1))
    slow = shelf.turn()
    quick = shelf.turn()
    with pytest.raises(FencedError):
        shelf.projector.advance(slow)
    rows = shelf.rows()
    shelf.projector.advance(quick)

    assert rows == {}
    assert shelf.rows() == shelf.from_scratch()


def test_a_writer_whose_place_is_the_right_one_again_writes_nothing_without_its_turn(
    shelf: Shelf,
) -> None:
    shelf.append("a", *rang(1, 2))
    slow = shelf.turn()
    shelf.catch_up()
    restart(shelf.database, shelf.projection, OWNER)  # back to where the slow one stands
    with pytest.raises(FencedError):
        shelf.projector.advance(slow)

    assert shelf.position == slow.last_global_sequence == 0
    assert shelf.rows() == {}


def test_nothing_is_folded_twice_by_the_same_writer(shelf: Shelf) -> None:
    shelf.append("a", *rang(1))
    before = shelf.turn()
    shelf.projector.advance(before)
    with pytest.raises(FencedError):
        shelf.projector.advance(before)

    assert shelf.rows() == {"a": ToyEntry("a", 1, 1, None)}


@pytest.mark.parametrize("done", [0, 3, 100])
def test_a_rebuild_equals_a_fold_from_scratch_wherever_it_was_interrupted(
    database: Database, done: int
) -> None:
    shelf = Shelf(database, ToyShelf(), batch_size=4)
    fill(shelf, 1, 30)
    before = shelf.catch_up().checkpoint
    restarted = restart(database, shelf.projection, OWNER)
    emptied = shelf.rows()
    for _ in range(done):
        restarted = shelf.projector.advance(restarted).checkpoint
    shelf.append("late", *rang(1))
    with pytest.raises(FencedError):
        shelf.projector.advance(before)
    status = shelf.checkpoint().status
    shelf.catch_up()

    assert emptied == {}
    assert status == ("running" if done == 100 else "rebuilding")
    assert shelf.checkpoint().status == "running"
    assert shelf.rows() == shelf.from_scratch()
