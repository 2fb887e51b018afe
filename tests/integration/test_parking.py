"""Poison: one stream is set aside, in order, the others go on; a retry folds it after all."""

from dataclasses import replace

import psycopg
import pytest

from store.codec import RawEvent
from store.engine import Database
from store.errors import FencedError
from store.folding import PoisonError
from store.parking import BEHIND
from store.read_model_tables import restart
from store.retrying_parked import Retried, retry_parked
from tests.conftest import TestDatabase
from tests.integration.shelves import OWNER, Shelf, labelled, rang
from tests.toy_shelf import LONGEST_LABEL, UNLUCKY, ToyEntry, ToyShelf

TOO_LONG = labelled("x" * (LONGEST_LABEL + 1))
FORBIDDEN = 666
WIDEN = "alter table fleetlog_read_models.toy_shelf alter label type text"
ALLOW = "alter table fleetlog_read_models.toy_shelf drop constraint toy_shelf_note_check"
POISON = "ValueError: such a note is not played here"


@pytest.fixture
def shelf(database: Database) -> Shelf:
    return Shelf(database, ToyShelf())


def retry(shelf: Shelf, toy_id: str | None = None) -> list[Retried]:
    return retry_parked(shelf.projector, OWNER, toy_id)


def change(fresh: TestDatabase, *statements: str) -> None:
    with psycopg.connect(fresh.admin_url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def mend(shelf: Shelf, fresh: TestDatabase, *statements: str) -> None:
    """Change the table, and connect anew, as the release that mends it would."""
    change(fresh, *statements)
    shelf.database.dispose()


def test_poison_parks_its_stream_in_order_and_the_others_go_on(
    shelf: Shelf, fresh: TestDatabase
) -> None:
    shelf.append("a", *rang(1))
    poison = shelf.append("a", *rang(UNLUCKY))
    behind = shelf.append("a", *rang(2))
    shelf.append("b", *rang(1))
    shelf.catch_up()
    later = shelf.append("a", labelled("later"))
    last = shelf.append("b", *rang(2))
    shelf.catch_up()

    assert shelf.rows() == {"a": ToyEntry("a", 1, 1, None), "b": ToyEntry("b", 2, 2, None)}
    assert shelf.parked_events(fresh) == [(poison, POISON), (behind, BEHIND), (later, BEHIND)]
    assert shelf.checkpoint().status == "running"
    assert shelf.position == last


def test_a_parked_stream_says_how_much_waits_and_why(shelf: Shelf) -> None:
    poison = shelf.append("a", *rang(UNLUCKY))
    shelf.append("a", *rang(1, 2))
    shelf.catch_up()
    retry(shelf)
    (stream,) = shelf.parked()

    assert (stream.aggregate_id, stream.events, stream.first_position) == ("a", 3, poison)
    assert stream.error.endswith(POISON)
    assert stream.attempts == 2


@pytest.mark.parametrize("batch_size", [1, 2, 1000])
def test_a_retry_replays_what_was_parked_and_the_rows_equal_the_fold(
    database: Database, batch_size: int
) -> None:
    shelf = Shelf(database, ToyShelf(), batch_size)
    shelf.append("a", *rang(1, UNLUCKY, 2))
    shelf.append("b", *rang(1, UNLUCKY))
    shelf.append("c", *rang(1, 2, 3))
    shelf.catch_up()
    parked = [stream.aggregate_id for stream in shelf.parked()]
    shelf.projection.superstitious = False
    retried = retry(shelf)
    shelf.append("a", labelled("after"))
    shelf.catch_up()

    assert parked == ["a", "b"]
    assert retried == [Retried("a", folded=2, left=0), Retried("b", folded=1, left=0)]
    assert shelf.parked() == []
    assert shelf.rows() == shelf.from_scratch()


def test_one_stream_alone_can_be_retried(shelf: Shelf) -> None:
    for toy_id in ("a", "b"):
        shelf.append(toy_id, *rang(UNLUCKY))
    shelf.catch_up()
    shelf.projection.superstitious = False
    retried = retry(shelf, "b")

    assert retried == [Retried("b", folded=1, left=0)]
    assert [stream.aggregate_id for stream in shelf.parked()] == ["a"]
    assert retry(shelf, "unheard of") == []


def test_a_retry_goes_as_far_as_it_can_and_what_is_left_waits_in_order(
    shelf: Shelf, fresh: TestDatabase
) -> None:
    shelf.append("a", *rang(UNLUCKY, 1), TOO_LONG, *rang(2))
    last = shelf.append("b", *rang(UNLUCKY))
    shelf.catch_up()
    shelf.projection.superstitious = False
    retried = retry(shelf)
    rows = shelf.rows()
    shelf.append("a", *rang(3))
    shelf.catch_up()
    waiting = [position for position, _ in shelf.parked_events(fresh)]
    mend(shelf, fresh, WIDEN)
    again = retry(shelf)

    assert [(one.folded, one.left) for one in retried] == [(2, 2), (1, 0)]
    assert retried[0].error
    assert "value too long" in retried[0].error
    assert rows["a"] == ToyEntry("a", 2, 1, None)
    assert waiting == [last - 2, last - 1, last + 1]
    assert again == [Retried("a", folded=3, left=0)]
    assert shelf.rows() == shelf.from_scratch()


def test_a_retry_in_vain_changes_nothing_but_the_count(shelf: Shelf, fresh: TestDatabase) -> None:
    shelf.append("a", *rang(1, UNLUCKY, 2))
    shelf.catch_up()
    rows, waiting = shelf.rows(), shelf.parked_events(fresh)
    retried = retry(shelf)

    assert retried == [Retried("a", folded=0, left=2, error=retried[0].error)]
    assert retried[0].error
    assert retried[0].error.endswith(POISON)
    assert shelf.rows() == rows
    assert [p for p, _ in shelf.parked_events(fresh)] == [p for p, _ in waiting]


def test_a_retry_stops_at_an_event_that_no_class_knows(shelf: Shelf) -> None:
    shelf.append("a", *rang(UNLUCKY), RawEvent(event_type="Melted", data={}), *rang(1))
    shelf.append("b", *rang(UNLUCKY))
    shelf.catch_up()
    shelf.projection.superstitious = False
    retried = retry(shelf)

    assert [(one.folded, one.left) for one in retried] == [(1, 2), (1, 0)]
    assert retried[0].error
    assert "no class here knows Toy event 'Melted'" in retried[0].error


def test_whoever_retries_takes_the_projections_turn(shelf: Shelf) -> None:
    shelf.append("a", *rang(UNLUCKY))
    shelf.catch_up()
    before = shelf.turn()
    retry(shelf)
    shelf.append("a", *rang(1))

    with pytest.raises(FencedError):
        shelf.projector.advance(before)


def test_rows_that_the_table_refuses_are_found_and_parked(
    shelf: Shelf, fresh: TestDatabase
) -> None:
    for number in range(20):
        shelf.append(f"good {number}", *rang(1))
    long = shelf.append("a", TOO_LONG)
    behind = shelf.append("a", *rang(1))
    for number in range(20):
        shelf.append(f"good {number}", *rang(2))
    forbidden = shelf.append("b", *rang(FORBIDDEN))
    last = shelf.append("good 1", *rang(7))
    shelf.catch_up()
    parked = shelf.parked_events(fresh)
    good = {id: row for id, row in shelf.from_scratch().items() if id.startswith("good")}
    rows, position = shelf.rows(), shelf.position
    mend(shelf, fresh, WIDEN, ALLOW)
    retry(shelf)

    assert [p for p, _ in parked] == [long, behind, forbidden]
    assert "value too long" in parked[0][1]
    assert parked[1][1] == BEHIND
    assert "toy_shelf_note_check" in parked[2][1]
    assert (rows, position) == (good, last)
    assert shelf.rows() == shelf.from_scratch()


def test_a_row_that_only_passes_through_a_refused_state_is_not_refused(shelf: Shelf) -> None:
    """Rows are written as they are at the end of a batch."""
    shelf.append("a", *rang(FORBIDDEN, 1))
    shelf.catch_up()

    assert shelf.parked() == []
    assert shelf.rows() == shelf.from_scratch()


def test_a_refused_row_halts_a_projection_that_must_not_leave_anything_out(
    database: Database, fresh: TestDatabase
) -> None:
    shelf = Shelf(database, ToyShelf(parks=False))
    for number in range(10):
        shelf.append(f"good {number}", *rang(1))
    refused = shelf.append("a", TOO_LONG)
    shelf.append("b", *rang(1))
    with pytest.raises(PoisonError, match=f"event Labelled at position {refused}: value too long"):
        shelf.catch_up()
    halted = (shelf.position, len(shelf.rows()))
    mend(shelf, fresh, WIDEN)
    shelf.catch_up()

    assert halted == (refused - 1, 10)
    assert shelf.rows() == shelf.from_scratch()


@pytest.mark.parametrize(
    "statement",
    [
        "alter table fleetlog_read_models.toy_shelf drop column label",
        "drop table fleetlog_read_models.toy_shelf",
        "revoke all on fleetlog_read_models.toy_shelf from fleetlog_projector",
    ],
    ids=["column", "table", "right"],
)
def test_a_table_that_is_not_as_declared_is_no_reason_to_park_anybody(
    shelf: Shelf, fresh: TestDatabase, statement: str
) -> None:
    mend(shelf, fresh, statement)
    shelf.append("a", *rang(1))
    with pytest.raises(psycopg.DatabaseError):
        shelf.catch_up()

    assert shelf.parked() == []
    assert shelf.position == 0


def test_a_table_changed_under_a_running_worker_is_no_reason_to_park_anybody(
    shelf: Shelf, fresh: TestDatabase
) -> None:
    for note in range(3):
        shelf.append("a", *rang(note))
        shelf.catch_up()
    change(fresh, WIDEN)
    shelf.append("a", TOO_LONG)
    shelf.catch_up()

    assert shelf.parked() == []
    assert shelf.rows() == shelf.from_scratch()


def test_a_rebuild_forgets_what_was_parked_and_judges_anew(shelf: Shelf) -> None:
    shelf.append("a", *rang(UNLUCKY, 1))
    shelf.append("b", *rang(UNLUCKY, 1))
    shelf.catch_up()
    restart(shelf.database, shelf.projection, OWNER)
    forgotten = shelf.parked()
    shelf.projection.superstitious = False
    shelf.catch_up()

    assert forgotten == []
    assert shelf.parked() == []
    assert shelf.rows() == shelf.from_scratch()


def test_a_rebuild_parks_again_what_is_still_poison(shelf: Shelf, fresh: TestDatabase) -> None:
    shelf.append("a", *rang(1, UNLUCKY, 1))
    shelf.append("b", *rang(1))
    shelf.catch_up()
    rows, parked = shelf.rows(), shelf.parked_events(fresh)
    restart(shelf.database, shelf.projection, OWNER)
    shelf.catch_up()

    assert shelf.parked_events(fresh) == parked
    assert shelf.rows() == rows
    assert [replace(row, toy_id="") for row in rows.values()] == 2 * [ToyEntry("", 1, 1, None)]
