"""`fleetlog retry`: a person's word that what was parked deserves another try."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from domain.orders import OrderShipped, PaymentProcessed
from store.event_store import Expected
from store.projection import projections
from store.read_model_tables import prepare
from tests.fleets import TestFleet
from tests.integration.screens import told
from tests.polling import eventually
from workers.fleet import fleet
from workers.projecting import advance

PLACE = """
insert into fleetlog_read_models.order_read_model (order_id, total, items, placed_at)
values (%s, 1, 1, now())
"""


@pytest.fixture
def fault(worked: TestFleet, toy: str) -> Iterator[Path]:
    """A toy that is broken for as long as this file exists."""
    place = worked.faults / toy
    place.write_text("fail")
    yield place
    place.unlink(missing_ok=True)


def ring(toy: str, note: int) -> UUID:
    id = uuid4()
    told("submit", "Ring", f"toy_id={toy}", f"note={note}", "--command-id", str(id))
    return id


def is_parked(id: UUID) -> bool:
    state = fleet.inbox.find(id)
    return state is not None and state.status == "parked"


def notes(toy: str) -> list[int]:
    return [event.payload["note"] for event in fleet.store.load_events(toy)]


def test_a_parked_command_is_tried_again(fault: Path, toy: str) -> None:
    id = ring(toy, 1)
    eventually(lambda: is_parked(id), 30)
    listed, health = told("commands", "--status", "parked"), told("status")
    fault.unlink()
    retried = told("retry", str(id))
    eventually(lambda: notes(toy) == [1])

    assert "the clapper is loose" in listed.out
    assert "parked; look: fleetlog commands --status parked" in health.err
    assert retried.status == 0
    assert retried.out == "1 command sent back to the end of the inbox\n"


def test_all_parked_commands_are_tried_again_in_their_order(fault: Path, toy: str) -> None:
    ids = [ring(toy, note) for note in (1, 2, 3)]
    eventually(lambda: all(map(is_parked, ids)), 60)
    fault.unlink()
    retried = told("retry", "--all-parked", "--json").json
    eventually(lambda: len(notes(toy)) == 3)

    assert {one["outcome"] for one in retried} == {"retried"}
    assert notes(toy) == [1, 2, 3]


@pytest.mark.usefixtures("idle")
def test_what_is_not_parked_is_told_and_left_alone() -> None:
    prepare(fleet.database, projections())
    waiting, unknown = ring("toy", 1), uuid4()
    refused = told("retry", str(waiting), str(unknown))

    assert refused.status == 1
    assert f"command {waiting} is accepted, not parked" in refused.err
    assert f"command {unknown} was never accepted" in refused.err
    assert told("retry", "--all-parked").out == "nothing is parked\n"


@pytest.fixture
def board(idle: TestFleet) -> TestFleet:
    """A fleet whose order board has parked two streams: they begin in the middle."""
    prepare(fleet.database, projections())
    for id in ("order-1", "order-2"):
        paid, shipped = PaymentProcessed(amount=Decimal(1)), OrderShipped(packages=("p",))
        fleet.store.append_events(id, Expected.NO_STREAM, [paid, shipped])
    advance("order_board")
    return idle


def mend(board: TestFleet, order_id: str) -> None:
    """Make the row that the parked events miss."""
    with psycopg.connect(board.database.admin_url, autocommit=True) as connection:
        connection.execute(PLACE, (order_id,))


def test_parked_events_are_folded_again_and_what_fails_stays(board: TestFleet) -> None:
    mend(board, "order-1")
    retried = told("retry", "--projection", "order_board")
    again = told("retry", "--projection", "order_board", "--json").json

    assert retried.status == 1
    assert ["order-1", "2", "0", "caught", "up"] in [
        line.split() for line in retried.out.splitlines()
    ]
    assert "order order-2 changed before it was placed" in retried.out
    assert [(one["aggregate_id"], one["folded"], one["left"]) for one in again] == [
        ("order-2", 0, 2)
    ]


def test_one_stream_alone_is_folded_again(board: TestFleet) -> None:
    for id in ("order-1", "order-2"):
        mend(board, id)
    retried = told("retry", "--projection", "order_board", "--aggregate", "order-2", "--json")
    left = told("projections", "--json").json

    assert retried.status == 0, retried.err
    assert [one["aggregate_id"] for one in retried.json] == ["order-2"]
    assert {one["name"]: one["parked_streams"] for one in left}["order_board"] == 1


@pytest.mark.usefixtures("board")
def test_nothing_to_fold_again_is_told() -> None:
    told_ = told("retry", "--projection", "user_directory")

    assert told_.status == 0
    assert told_.out == "user_directory has parked nothing\n"


@pytest.mark.parametrize(
    "arguments",
    [(), ("--all-parked", str(uuid4())), ("--all-parked", "--aggregate", "a"), ("nonsense",)],
)
@pytest.mark.usefixtures("idle")
def test_wrong_usage_has_a_status_of_its_own(arguments: tuple[str, ...]) -> None:
    assert told("retry", *arguments).status == 2
