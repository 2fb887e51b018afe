"""`fleetlog replay`: a read model as it was then, and projections that nobody has deployed."""

import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from domain.orders import OrderShipped
from store.codec import RawEvent
from store.event_store import Expected
from store.replaying import Replay
from tests.conftest import TestDatabase
from tests.fleets import TestFleet
from tests.integration.boards import NAME, ORDERS, fill_board, readers, rows
from tests.integration.generations import MODELS, asked
from tests.integration.screens import told
from workers.fleet import fleet
from workers.projecting import advance

TABLES = f"select relname::text from pg_class where relnamespace = '{MODELS}'::regnamespace"
TABLES += " and relkind = 'r' order by 1"
CHECKPOINTS = "select 1 from fleetlog.projection_checkpoints where projection like 'parcels%'"
AD_HOC = """
from dataclasses import dataclass
from sqlalchemy import Column, Integer, String, Table
from store.projection import RowProjection, read_models

@dataclass(frozen=True, slots=True)
class Parcels:
    order_id: str
    parcels: int

class ParcelCount(RowProjection[Parcels], name="parcels_{unique}"):
    row = Parcels
    table = Table("parcels_{unique}", read_models, Column("order_id", String, primary_key=True),
                  Column("parcels", Integer))
    aggregate_types = frozenset({{"Order"}})

    def evolve_row(self, row, event):
        more = len(event.payload.get("packages", ()))
        return Parcels(event.aggregate_id, (row.parcels if row else 0) + more)
"""


@pytest.fixture
def board(idle: TestFleet) -> TestDatabase:
    fill_board()
    advance(NAME)
    return idle.database


def test_a_read_model_is_folded_up_to_a_position_and_kept_under_a_name(
    board: TestDatabase,
) -> None:
    live = rows()
    told_of = told("replay", NAME, "--until", "10", "--into", "ten_orders")

    assert told_of.status == 0, told_of.err
    assert f"{NAME} as of position 10: 10 events" in told_of.out
    assert asked(board, f"select count(*) from {MODELS}.ten_orders") == [10]
    assert rows() == live
    assert [one.last_global_sequence for one in readers()] == [ORDERS + 1]


@pytest.mark.usefixtures("board")
def test_a_time_means_what_was_recorded_up_to_then() -> None:
    time.sleep(0.002)
    moment = datetime.now(UTC)
    fleet.store.append_events("order-1", Expected.ANY, [OrderShipped(packages=("p",))])
    then = told("replay", NAME, "--until", moment.isoformat(), "--limit", "1", "--json")
    now = told("replay", NAME, "--json")

    assert then.json["position"] == ORDERS + 1
    assert now.json["position"] == ORDERS + 2
    assert [len(found) for found in then.json["rows"].values()] == [1]


def test_without_a_name_the_rows_are_shown_and_nothing_stays(board: TestDatabase) -> None:
    before = asked(board, TABLES)
    shown = told("replay", NAME, "--limit", "3")

    assert shown.out.count("order-") == 3
    assert asked(board, TABLES) == before


def test_a_projection_from_a_file_needs_no_deployment(board: TestDatabase, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(AD_HOC.format(unique=time.time_ns()))
    replayed = told("replay", f"{file}:ParcelCount", "--json", "--limit", "100")
    [found] = replayed.json["rows"].values()

    assert sum(row["parcels"] for row in found) == 1
    assert len(found) == ORDERS
    assert not asked(board, CHECKPOINTS)


@pytest.mark.usefixtures("board")
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import nothing_of_this_name")

    assert "there is no file" in told("replay", f"{tmp_path}/none.py:X").err
    assert "cannot be imported: ModuleNotFoundError" in told("replay", f"{broken}:X").err
    broken.write_text("X = 1")
    assert "has no projection X: it must be a class" in told("replay", f"{broken}:X").err


def test_the_live_table_and_any_other_are_not_written_over(board: TestDatabase) -> None:
    live = told("replay", NAME, "--into", "order_read_model", "--replace")
    first = told("replay", NAME, "--into", "mine", "--until", "3")
    second = told("replay", NAME, "--into", "mine", "--until", "5")
    third = told("replay", NAME, "--into", "mine", "--until", "5", "--replace")

    assert (live.status, first.status, second.status, third.status) == (1, 0, 1, 0)
    assert "is a table of projection order_board" in live.err
    assert "or give --replace" in second.err
    assert asked(board, f"select count(*) from {MODELS}.mine") == [5]


def test_what_the_fold_refuses_is_left_out_and_told(board: TestDatabase) -> None:
    strange = RawEvent(event_type="OrderShipped", data={"packages": ["p"]})
    fleet.store.append_events("never-placed", Expected.ANY, [strange], aggregate_type="Order")
    replayed = told("replay", NAME, "--into", "most")

    assert replayed.status == 0
    assert "1 stream left out" in replayed.err
    assert asked(board, f"select count(*) from {MODELS}.most") == [ORDERS]


def test_a_replay_that_cannot_go_on_leaves_no_table(board: TestDatabase) -> None:
    strange = RawEvent(event_type="OrderVanished", data={})
    fleet.store.append_events("order-1", Expected.ANY, [strange], aggregate_type="Order")
    before = asked(board, TABLES)
    stopped = told("replay", NAME, "--into", "some")

    assert stopped.status == 1
    assert "OrderVanished" in stopped.err
    assert asked(board, TABLES) == before


def test_ctrl_c_leaves_no_table(board: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = asked(board, TABLES)
    monkeypatch.setattr(Replay, "run", interrupt)
    stopped = told("replay", NAME, "--into", "some")

    assert stopped.status == 130
    assert asked(board, TABLES) == before


@pytest.mark.usefixtures("board")
def test_what_is_not_final_cannot_be_asked_for() -> None:
    refused = told("replay", NAME, "--until", "1000")

    assert refused.status == 1
    assert "position 1,000 is not final yet" in refused.err
    assert rows()[0][1] == Decimal("1.50")
