"""What halts a projection: it stands still visibly, says why once, and goes on when it can."""

import pytest
from structlog.testing import capture_logs

from store.codec import RawEvent
from store.projection import Order
from store.read_model_tables import restart
from tests.integration.shelves import OWNER, Shelf, rang
from tests.toy_shelf import UNLUCKY, ToyShelf
from workers.projecting import advance

NAME = "toy_shelf"


@pytest.fixture
def shelf(declared_shelf: Shelf) -> Shelf:
    return declared_shelf


def test_an_unknown_event_halts_it_visibly_until_some_code_knows_it(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.append("a", *rang(1))
    shelf.append("a", RawEvent(event_type="Melted", data={}))
    more = [advance(NAME), advance(NAME)]
    halted = shelf.checkpoint()
    monkeypatch.setattr(ToyShelf, "ignorable", frozenset({"Melted"}))
    advance(NAME)
    going_on = shelf.checkpoint()

    assert more == [False, False]
    assert (halted.status, halted.last_global_sequence) == ("halted", 1)
    assert halted.error
    assert "no class here knows Toy event 'Melted'" in halted.error
    assert (going_on.status, going_on.error, going_on.last_global_sequence) == ("running", None, 2)


def test_a_poison_event_halts_it_visibly_where_nothing_may_be_left_out(shelf: Shelf) -> None:
    shelf.projection.order = Order.GLOBAL  # type: ignore[misc]  # one class for both kinds
    shelf.append("a", *rang(1, UNLUCKY))
    advance(NAME)
    halted = shelf.checkpoint()

    assert (halted.status, halted.last_global_sequence) == ("halted", 1)
    assert halted.error
    assert "event Rang at position 2" in halted.error


def test_code_of_another_version_halts_with_the_advice_to_rebuild(shelf: Shelf) -> None:
    shelf.append("a", *rang(1))
    advance(NAME)
    shelf.append("a", *rang(2))
    shelf.projection.version = 2  # type: ignore[misc]  # as a new release of its module would
    advance(NAME)
    halted = shelf.checkpoint()
    restart(shelf.database, shelf.projection, OWNER)
    advance(NAME)

    assert (halted.status, halted.last_global_sequence) == ("halted", 1)
    assert halted.error == (
        "its rows are of version 1, this code is version 2; run: fleetlog rebuild toy_shelf"
    )
    assert shelf.checkpoint().status == "running"
    assert shelf.rows() == shelf.from_scratch()


def test_what_halts_it_is_said_once_and_not_at_every_tick(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.projecting._halted_by", {})  # as in a new process
    shelf.append("a", *rang(1, 2))
    shelf.projection.version = 2  # type: ignore[misc]  # as a new release of its module would

    with capture_logs() as logs:
        for _ in range(3):
            advance(NAME)
        shelf.projection.version = 3  # type: ignore[misc]
        advance(NAME)

    said = [line["error"] for line in logs if line["event"] == "projection halted"]
    assert len(said) == 2
    assert "this code is version 3" in said[1]
