"""Rebuilds by a real fleet: nobody notices, whoever is killed, and changed code is seen to."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from threading import Event, Thread

from domain.orders import OrderPlaced, OrderShipped
from store.event_store import Expected
from store.generations import begin
from store.read_models.order_board import OrderBoard
from tests.acceptance.board import folded_board, stored_board
from tests.acceptance.fleet import Fleet
from tests.polling import eventually
from tests.toys import Rang

ORDERS = 1500
LIVE = "projection_checkpoints where standing = 'live' and projection"
NEXT = "projection_checkpoints where standing = 'next'"
DOMAIN = "domain.users,domain.orders,store.read_models,tests.toys,tests.acceptance.released_shelf"
RELEASE = "TOY_SHELF_RELEASE"
SLOWLY = {"FLEETLOG_BATCH_SIZE": "20"}


def place(fleet: Fleet, number: int) -> None:
    placed = OrderPlaced(order_id=f"order-{number}", items=("a",), total=Decimal(number))
    fleet.store.append_events(f"order-{number}", Expected.ANY, [placed])


@contextmanager
def business_as_usual(fleet: Fleet) -> Iterator[list[int]]:
    """Orders keep coming and the board is read; lends how many rows each look has found."""
    over, seen = Event(), [0]

    def go_on() -> None:
        number = ORDERS
        while not over.is_set():
            place(fleet, number)
            shipped = OrderShipped(packages=("p",))
            fleet.store.append_events(f"order-{number - ORDERS}", Expected.ANY, [shipped])
            seen.append(fleet.count("order_read_model"))
            number += 1
            over.wait(0.01)

    thread = Thread(target=go_on)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def test_a_rebuild_goes_on_whoever_is_killed_and_no_reader_sees_less_than_before(
    fleet: Fleet,
) -> None:
    for number in range(ORDERS):
        place(fleet, number)
    fleet.beat()
    workers = {name: fleet.worker(name, **SLOWLY) for name in ("one", "two")}
    eventually(lambda: fleet.lag() == 0, 60)
    fleet.as_admin("update fleetlog_read_models.order_read_model set total = 0")
    dice = random.Random(7)  # noqa: S311 - no secret
    with business_as_usual(fleet) as seen:
        begin(fleet.database, OrderBoard(), shares=4)
        for _ in range(2):
            name = dice.choice(sorted(workers))
            workers[name].kill_family()
            workers[name] = fleet.worker(name, **SLOWLY)
        eventually(lambda: fleet.count(f"{LIVE} = 'order_board' and generation = 2"), 60)

    eventually(lambda: fleet.lag() == 0, 60)
    assert seen == sorted(seen)
    assert stored_board(fleet) == folded_board(fleet)
    assert fleet.count(NEXT) == 0


def test_changed_code_is_told_at_start_and_rebuilt_unasked_where_that_is_wanted(
    fleet: Fleet,
) -> None:
    fleet.env |= {"FLEETLOG_DOMAIN": DOMAIN, RELEASE: "1"}
    fleet.beat()
    first = fleet.worker("first")
    fleet.store.append_events("bell", 0, [Rang(note=1)], aggregate_type="Toy")
    eventually(lambda: fleet.count("toy_shelf where rung = 1"), 30)
    first.kill_family()

    fleet.env[RELEASE] = "2"
    offered = fleet.worker("second")
    eventually(lambda: offered.says("run: fleetlog rebuild toy_shelf"), 30)
    offered.kill_family()
    fleet.worker("third", FLEETLOG_REBUILD_CHANGED="true")
    eventually(lambda: fleet.count(f"{LIVE} = 'toy_shelf' and version = 2"), 60)
    fleet.store.append_events("bell", 1, [Rang(note=2)], aggregate_type="Toy")

    eventually(lambda: fleet.count("toy_shelf where rung = 2"), 30)
