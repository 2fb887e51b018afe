"""Deliveries by real workers: rung for, ticked, killed, and in each other's way."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from store.engine import Role
from tests.fleets import TestFleet, connected
from tests.integration.receivers import Answer, Receiver, Request
from tests.integration.screens import told
from tests.integration.subscribed import Subscribed, subscribe
from tests.polling import eventually
from tests.processes import Process, started
from workers.dashboard.metrics import examined, families
from workers.delivering.delivering import bell, deliver, ring, tend
from workers.fleet import fleet

SHORT = {"FLEETLOG_LOCK_LEASE_SECONDS": "0.4", "FLEETLOG_ADVANCE_BUDGET_SECONDS": "0.3"}


def test_a_command_reaches_a_receiver_without_any_tick(
    worked: TestFleet, receiver: Receiver, toy: str
) -> None:
    name = f"shop-{toy}"
    subscribe(worked, receiver.url, name, start="now")

    def rung() -> bool:
        told("submit", "Ring", f"toy_id={toy}", "note=1")
        return bool(receiver.requests)

    try:
        eventually(rung, 30)  # a worker looks for new subscriptions every two seconds
    finally:
        fleet.subscriptions.remove(name, "a test")

    assert receiver.abouts[0] == (toy, 1)


def test_the_beat_rings_for_what_has_something_to_do_and_for_nothing_else(
    idle: TestFleet, receiver: Receiver
) -> None:
    shop, quiet = subscribe(idle, receiver.url), subscribe(idle, receiver.url, "quiet", "now")
    subscribe(idle, receiver.url, "paused")
    fleet.subscriptions.set_status("paused", "paused", "a test")
    queued = [rung(idle)]
    shop.append("a", 1)
    queued.append(rung(idle))
    shop.fill()
    quiet.fill()
    fleet.deliveries.due("quiet", (), 1)
    fleet.deliveries.delivered("quiet", [1])
    queued.append(rung(idle))
    shop.deliver()
    queued.append(rung(idle))

    assert queued == [(0, 0), (2, 0), (0, 1), (0, 0)]


def rung(idle: TestFleet) -> tuple[int, int]:
    """Tick once; returns how many were told to fill and to deliver, and takes those messages."""
    tend()
    with idle.client() as redis:
        queued = (redis.llen("projections"), redis.llen("deliveries"))
        redis.delete("projections", "deliveries", *redis.keys("fleetlog:bell:*"))
    return queued


def test_two_who_deliver_at_once_deliver_once(idle: TestFleet, receiver: Receiver) -> None:
    shop = subscribe(idle, receiver.url)
    receiver.always(Answer(after=0.05))
    for number in range(10):
        shop.append(f"toy-{number}", 1, 2)
    shop.fill()
    with ThreadPoolExecutor() as threads:
        for one in [threads.submit(deliver, "shop") for _ in range(3)]:
            one.result()

    assert len(receiver.requests) == 20
    assert set(shop.statuses()) == {"delivered"}


@contextmanager
def a_deliverer(to: TestFleet, place: Path, number: int) -> Iterator[Process]:
    with started(
        *("-m", "tests.integration.deliverer", "shop"),
        environment={**to.environment, **SHORT},
        log=place / f"deliverer-{number}.log",
        ready="delivering",
    ) as process:
        yield process


def test_killed_while_delivering_nothing_is_lost_and_the_order_stays(
    idle: TestFleet, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.always(Answer(after=0.005))
    with connected({**idle.environment, **SHORT}):
        shop = subscribe(idle, receiver.url)
        for number in range(20):
            shop.append(f"toy-{number}", *range(15))
        shop.fill()
        for number in range(2):
            enough = len(receiver.requests) + 30
            with a_deliverer(idle, tmp_path, number) as doomed:
                eventually(partial(has, receiver, enough), 30)
                doomed.kill()
        halfway = len(receiver.requests)
        eventually(partial(delivered_on, shop, 300), 30)

    assert halfway < 300
    assert first_arrivals(receiver.requests) == {
        f"toy-{number}": list(range(1, 16)) for number in range(20)
    }
    assert len(set(receiver.keys)) == 300
    assert len({(request.about, request.key) for request in receiver.requests}) == 300


def has(receiver: Receiver, requests: int) -> bool:
    return len(receiver.requests) >= requests


def delivered_on(shop: Subscribed, deliveries: int) -> bool:
    deliver(shop.name)
    return shop.statuses() == ["delivered"] * deliveries


def first_arrivals(requests: Iterable[Request]) -> dict[str, list[int]]:
    """Return for each aggregate in which order its events came, repetitions left out."""
    seen: dict[str, list[int]] = {}
    for subject, number in dict.fromkeys(request.about for request in requests):
        seen.setdefault(subject, []).append(number)
    return seen


def test_one_that_was_frozen_past_its_lease_decides_nothing_when_it_wakes(
    idle: TestFleet, receiver: Receiver, tmp_path: Path
) -> None:
    """What it had sent before comes in, and is counted once; what it has not sent, it does not."""
    with connected({**idle.environment, **SHORT}):
        shop = subscribe(idle, receiver.url)
        receiver.answer = lambda _, number: Answer(after=12 * (number == 0))
        shop.append("a", 1, 2, 3)
        shop.fill()
        with a_deliverer(idle, tmp_path, 1) as sleeper:
            eventually(lambda: receiver.requests)
            sleeper.pause()
            eventually(partial(delivered_on, shop, 3), 30)
            before = len(receiver.requests)
            receiver.over.set()
            sleeper.resume()
            sleeper.wait_for("first turn over")
            shop.append("a", 4)
            shop.fill()
            eventually(partial(delivered_on, shop, 4), 30)

    assert before == 4
    assert receiver.abouts == [("a", 1), ("a", 1), ("a", 2), ("a", 3), ("a", 4)]
    assert [attempts for _, _, attempts in shop.rows()] == [1, 1, 1, 1]


def test_a_bell_for_deliveries_is_heard_once_until_it_is_answered(
    idle: TestFleet, receiver: Receiver
) -> None:
    subscribe(idle, receiver.url)
    heard = []
    with idle.client() as redis:
        for act in (ring, ring, deliver, ring):
            act("shop")
            heard.append(redis.llen("deliveries"))

        assert redis.exists(f"fleetlog:bell:{bell('shop')}")
    assert heard == [1, 1, 1, 2]


def test_what_waits_and_what_is_parked_are_metrics(idle: TestFleet, receiver: Receiver) -> None:
    shop = subscribe(idle, receiver.url)
    receiver.first(Answer(422))
    shop.append("a", 1, 2)
    shop.deliver()
    fleet.subscriptions.set_status("shop", "paused", "a test")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families(examined())
        for sample in family.samples
    }

    assert samples["fleetlog_deliveries", "shop", "parked"] == 1
    assert samples["fleetlog_deliveries", "shop", "waiting"] == 1
    assert samples["fleetlog_subscription_paused", "shop"] == 1
    assert samples["fleetlog_circuit_open", "shop"] == 0


@pytest.mark.parametrize("delivered", [100_000])
def test_a_hundred_thousand_deliveries_that_are_done_cost_nothing(
    idle: TestFleet, receiver: Receiver, delivered: int
) -> None:
    """By what the server touches to find that nothing is due, and not by a clock."""
    shop = subscribe(idle, receiver.url)
    shop.execute(
        "insert into fleetlog.deliveries (subscription, global_sequence, aggregate_id, status) "
        f"select 'shop', n, 'old-' || n, 'delivered' from generate_series(1, {delivered}) n"
    )
    shop.execute(
        "insert into fleetlog.outbox select 'shop', n, gen_random_uuid(), 'old-' || n "
        f"from generate_series(1, {delivered}) n"
    )
    shop.execute(f"update fleetlog.delivery_cursors set taken_to = {delivered}")
    shop.execute("vacuum analyze fleetlog.deliveries, fleetlog.outbox")
    with fleet.database.connect(Role.PROJECTOR):
        before = touched(shop)
        deliver("shop")

    assert touched(shop) - before < 200


def touched(shop: Subscribed) -> int:
    """Return how many blocks of these tables and their indexes were looked at so far."""
    shop.execute("select pg_stat_clear_snapshot(), pg_stat_force_next_flush()")
    ((blocks,),) = shop.ask(
        "select sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)::int "
        "from pg_statio_user_tables where relname in ('deliveries', 'outbox')"
    )
    return int(blocks)
