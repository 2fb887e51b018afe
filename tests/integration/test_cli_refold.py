"""`fleetlog rebuild --in-place`: a read model emptied and folded anew, whoever else is about."""

import threading
from decimal import Decimal
from typing import Any

import pytest

from store import checkpoints
from store.checkpoints import Checkpoint
from store.codec import RawEvent
from store.event_store import Expected
from store.projector import Advanced, Projector
from store.read_model_tables import restart
from tests.fleets import TestFleet
from tests.integration.boards import NAME, ORDERS, fill_board, readers, rows
from tests.integration.generations import as_admin
from tests.integration.screens import told
from workers.fleet import fleet
from workers.lock import SingleWriterLock
from workers.projecting import named, projector


@pytest.fixture
def board(idle: TestFleet) -> TestFleet:
    """A fleet without workers; its order board has folded all but the last event."""
    fill_board()
    return idle


def checkpoint() -> Checkpoint:
    [live] = readers()
    return live


def begin_and_stop(events: int) -> None:
    """Leave a rebuild behind that was interrupted after so many events."""
    projector(NAME)._size = events  # noqa: SLF001 - as a bisecting projector has it
    projector(NAME).advance(restart(fleet.database, named(NAME), "somebody who went away"))
    fleet.projectors.clear()


def test_a_rebuilt_read_model_equals_the_fold_whatever_was_in_it(board: TestFleet) -> None:
    as_admin(board.database, "update fleetlog_read_models.order_read_model set total = 0")
    rebuilt = told("rebuild", NAME, "--in-place")

    assert rebuilt.status == 0, rebuilt.err
    assert rebuilt.out.startswith(f"order_board is rebuilt: {ORDERS + 1} events in ")
    assert [row[1] for row in rows()] == [Decimal("1.50")] * ORDERS
    assert [row[0] for row in rows() if row[4] is not None] == ["order-0"]
    assert (checkpoint().status, checkpoint().last_global_sequence) == ("running", ORDERS + 1)


@pytest.mark.usefixtures("board")
def test_an_interrupted_rebuild_goes_on_where_it_stopped() -> None:
    begin_and_stop(10)
    resumed = told("rebuild", NAME, "--in-place")

    assert resumed.status == 0, resumed.err
    assert "going on at position 10" in resumed.err
    assert f"{ORDERS + 1 - 10} events" in resumed.out
    assert len(rows()) == ORDERS


@pytest.mark.usefixtures("board")
def test_an_interrupted_rebuild_begins_again_on_demand() -> None:
    begin_and_stop(10)
    rebuilt = told("rebuild", NAME, "--in-place", "--restart")

    assert f"{ORDERS + 1} events" in rebuilt.out
    assert len(rows()) == ORDERS


@pytest.mark.usefixtures("board")
def test_an_interrupted_rebuild_of_older_code_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    begin_and_stop(10)
    monkeypatch.setattr(type(named(NAME)), "version", 2)
    rebuilt = told("rebuild", NAME, "--in-place")

    assert f"{ORDERS + 1} events" in rebuilt.out
    assert checkpoint().version == 2


@pytest.mark.usefixtures("board")
def test_a_rebuild_waits_for_the_advance_that_is_running() -> None:
    lock = SingleWriterLock(fleet.redis, lease_seconds=30)
    with lock.try_acquire(f"projection:{NAME}") as extend:
        assert extend is not None
        letting_go = threading.Timer(
            0.3, lambda: fleet.redis.delete(f"fleetlog:lock:projection:{NAME}")
        )
        letting_go.start()
        rebuilt = told("rebuild", NAME, "--in-place")
    letting_go.join()

    assert rebuilt.status == 0, rebuilt.err
    assert f"waiting for the worker that advances {NAME} just now" in rebuilt.err


@pytest.mark.usefixtures("board")
def test_a_rebuild_that_another_writer_overtakes_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(*arguments: Any) -> Checkpoint:
        begun = restart(*arguments)
        checkpoints.take_over(fleet.database, NAME, "another")
        return begun

    monkeypatch.setattr("workers.console.refolding.emptied", overtaken)
    refused = told("rebuild", NAME, "--in-place")

    assert refused.status == 1
    assert "another writer now; nothing was written; to go on, run this again" in refused.err
    assert rows() == []


@pytest.mark.usefixtures("board")
def test_an_event_that_halts_a_rebuild_is_told() -> None:
    strange = RawEvent(event_type="OrderVanished", data={})
    fleet.store.append_events("order-1", Expected.ANY, [strange], aggregate_type="Order")
    halted = told("rebuild", NAME, "--in-place")

    assert halted.status == 1
    assert "order_board is halted: no class here knows Order event 'OrderVanished'" in halted.err
    assert checkpoint().status == "halted"


@pytest.mark.usefixtures("board")
def test_an_unknown_projection_is_told() -> None:
    refused = told("rebuild", "nobodys")

    assert refused.status == 1
    assert refused.err.startswith("Error: no projection is called 'nobodys'")


@pytest.mark.usefixtures("board")
def test_ctrl_c_says_how_far_it_came_and_that_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    projector(NAME)._size = 10  # noqa: SLF001 - as above
    advance_ = Projector.advance

    def once(self: Projector, at: Checkpoint, until: int | None = None) -> Advanced:
        if at.last_global_sequence:
            raise KeyboardInterrupt
        return advance_(self, at, until)

    monkeypatch.setattr(Projector, "advance", once)
    stopped = told("rebuild", NAME, "--in-place")

    assert stopped.status == 130
    assert f"keeps what it has, up to position 10 of {ORDERS + 1};" in stopped.err
    assert checkpoint().last_global_sequence == 10
