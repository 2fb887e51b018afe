"""`fleetlog rebuild`: the next generation of a read model, built and swapped in by a person."""

import threading
from decimal import Decimal
from typing import Any

import pytest

from domain.orders import OrderShipped
from store.codec import RawEvent
from store.event_store import Expected
from tests.fleets import TestFleet
from tests.integration.boards import NAME, ORDERS, fill_board, readers, rows
from tests.integration.generations import as_admin
from tests.integration.screens import told
from workers import rebuilding, tending
from workers.console import rebuilding as screen
from workers.fleet import fleet
from workers.lock import SingleWriterLock
from workers.projecting import advance, named
from workers.swapping_in import finish

MODEL = "fleetlog_read_models.order_read_model"
FORGED = f"update {MODEL} set total = 0 where order_id in ('order-1', 'order-2')"
RIGHT = [Decimal("1.50")] * ORDERS


@pytest.fixture
def board(idle: TestFleet) -> TestFleet:
    """A fleet without workers; two rows of its order board are forged."""
    fill_board()
    as_admin(idle.database, FORGED)
    return idle


@pytest.mark.usefixtures("board")
def test_a_rebuilt_read_model_equals_the_fold_whatever_was_in_it() -> None:
    rebuilt = told("rebuild", NAME)

    assert rebuilt.status == 0, rebuilt.err
    assert rebuilt.out.startswith(f"{NAME} is rebuilt: generation 2, up to position {ORDERS + 1}")
    assert f"{ORDERS} rows, of which 2 differ from the live ones" in rebuilt.err
    assert [row[1] for row in rows()] == RIGHT
    assert [(one.generation, one.status) for one in readers()] == [(2, "running")]


@pytest.mark.usefixtures("board")
def test_a_fleet_that_swaps_it_in_before_it_is_looked_at_has_done_our_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by_us = screen.built

    def built_and_swapped_in_by_the_fleet(*arguments: Any) -> bool:
        ended = by_us(*arguments)
        assert finish(NAME, within=5) is not None
        return ended

    monkeypatch.setattr(screen, "built", built_and_swapped_in_by_the_fleet)
    rebuilt = told("rebuild", NAME)

    assert rebuilt.status == 0, rebuilt.err
    assert rebuilt.out == f"{NAME} is rebuilt: the fleet has swapped it in\n"
    assert [row[1] for row in rows()] == RIGHT


@pytest.mark.usefixtures("board")
def test_the_rows_that_differ_are_shown_and_held_back_on_demand() -> None:
    held = told("rebuild", NAME, "--diff", "--hold")
    before = [row[1] for row in rows()]
    swapped = told("rebuild", NAME)

    assert held.status == 0, held.err
    assert "waits" in held.out
    assert "order_read_model  order-1  total   0     1.5" in held.out
    assert "order_read_model  order-2  total   0     1.5" in held.out
    assert before.count(Decimal(0)) == 2
    assert swapped.status == 0, swapped.err
    assert [row[1] for row in rows()] == RIGHT


@pytest.mark.usefixtures("board")
def test_a_rollback_brings_back_the_rows_from_before_and_folds_what_they_miss() -> None:
    told("rebuild", NAME)
    fleet.store.append_events("order-3", Expected.ANY, [OrderShipped(packages=("p",))])
    back = told("rebuild", NAME, "--rollback")
    advance(NAME)

    assert back.out.startswith(f"{NAME} is back at generation 1")
    assert [row[1] for row in rows()].count(Decimal(0)) == 2
    assert [row[0] for row in rows() if row[7] is not None] == ["order-0", "order-3"]


@pytest.mark.usefixtures("board")
def test_what_is_not_there_cannot_be_rolled_back_or_cancelled() -> None:
    back, cancelled = told("rebuild", NAME, "--rollback"), told("rebuild", NAME, "--cancel")

    assert (back.status, cancelled.status) == (1, 1)
    assert "no previous generation" in back.err
    assert "order_board is not being rebuilt" in cancelled.err


@pytest.mark.usefixtures("board")
def test_a_rebuild_that_is_given_up_leaves_the_live_rows_as_they_were() -> None:
    rebuilding.begin(NAME)
    before = rows()
    cancelled = told("rebuild", NAME, "--cancel")

    assert cancelled.status == 0
    assert rows() == before
    assert readers("next") == []


@pytest.mark.usefixtures("board")
def test_an_interrupted_rebuild_goes_on_where_it_stopped() -> None:
    first, *_ = rebuilding.begin(NAME, 2)
    rebuilding.build(first.projection_name, 10)
    resumed = told("rebuild", NAME)

    assert resumed.status == 0, resumed.err
    assert "going on at" in resumed.err
    assert [row[1] for row in rows()] == RIGHT


@pytest.mark.usefixtures("board")
def test_ctrl_c_leaves_the_rebuild_to_the_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(rebuilding, "build", interrupt)
    stopped = told("rebuild", NAME)
    monkeypatch.undo()

    def send(reader: str) -> None:
        rebuilding.build(reader, 10)

    tending.tend(send)
    tending.tend(send)

    assert stopped.status == 130
    assert "goes on with the fleet" in stopped.err
    assert [row[1] for row in rows()] == RIGHT
    assert [one.generation for one in readers()] == [2]


@pytest.mark.usefixtures("board")
def test_the_fleet_does_not_swap_in_what_a_person_wants_to_look_at_first() -> None:
    told("rebuild", NAME, "--hold")
    tending.tend(lambda _: None)

    assert [one.generation for one in readers()] == [1]


@pytest.mark.usefixtures("board")
def test_the_swap_waits_for_the_advance_that_is_running() -> None:
    lock = SingleWriterLock(fleet.redis, lease_seconds=30)
    with lock.try_acquire(f"projection:{NAME}"):
        letting_go = threading.Timer(
            1.2, lambda: fleet.redis.delete(f"fleetlog:lock:projection:{NAME}")
        )
        letting_go.start()
        rebuilt = told("rebuild", NAME)
    letting_go.join()

    assert rebuilt.status == 0, rebuilt.err
    assert [row[1] for row in rows()] == RIGHT


@pytest.mark.usefixtures("board")
def test_an_event_that_halts_a_rebuild_is_told_and_the_live_rows_stay() -> None:
    before = rows()
    strange = RawEvent(event_type="OrderVanished", data={})
    fleet.store.append_events("order-1", Expected.ANY, [strange], aggregate_type="Order")
    halted = told("rebuild", NAME)

    assert halted.status == 1
    assert "no class here knows Order event 'OrderVanished'" in halted.err
    assert "The live one is as it was" in halted.err
    assert rows() == before
    assert [one.status for one in readers()] == ["running"]


@pytest.mark.usefixtures("board")
def test_changed_code_is_rebuilt_by_name_or_by_the_fleet_when_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(type(named(NAME)), "version", 2)
    noticed = tending.changed()
    rebuilt = told("rebuild", "--changed")

    assert noticed == [NAME]
    assert rebuilt.status == 0, rebuilt.err
    assert [(one.version, one.generation) for one in readers()] == [(2, 2)]
    assert tending.changed() == []


@pytest.mark.usefixtures("board")
def test_a_rebuild_can_be_read_by_a_program() -> None:
    rebuilt = told("rebuild", NAME, "--json").json

    assert rebuilt["swapped"]["swapped"]["generation"] == 2
    assert rebuilt["compared"]["differing"] == 2


@pytest.mark.usefixtures("board")
def test_what_excludes_each_other_is_wrong_usage() -> None:
    assert told("rebuild", NAME, "--rollback", "--cancel").status == 2
    assert told("rebuild").status == 2
    assert told("rebuild", "nobodys").err.startswith("Error: no projection is called 'nobodys'")
