"""The outbox: each event that is wanted, exactly once, from a stated position on."""

from functools import partial
from pathlib import Path

import pytest

from domain.users import UserCreated, UserDeactivated
from store.codec import RawEvent
from store.event_store import Expected
from store.subscriptions import InvalidSubscriptionError, Subscription, UnknownSubscriptionError
from tests.fleets import TestFleet, connected
from tests.integration.screens import told
from tests.integration.subscribed import Subscribed, subscribe
from tests.polling import eventually
from tests.processes import started
from tests.toys import Labelled, Rang
from workers import projecting
from workers.fleet import fleet

NOWHERE = "http://127.0.0.1:9/"


def filtered(to: TestFleet, *, types: tuple[str, ...] = (), of: tuple[str, ...] = ()) -> Subscribed:
    made = Subscription(
        *("filtered", "http", NOWHERE, {"allow_http": True}),
        event_types=frozenset(types),
        aggregate_types=frozenset(of),
    )
    fleet.subscriptions.add(made, "start", None)
    return Subscribed(to, "filtered", "")


def test_it_holds_every_event_once_also_of_types_that_no_class_knows(idle: TestFleet) -> None:
    shop = subscribe(idle, NOWHERE)
    positions = shop.append("a", 1, 2)
    strange = RawEvent(event_type="Ünheard", data={"of": None})
    positions += fleet.store.append_events(
        "far", Expected.NO_STREAM, [strange], aggregate_type="Tïcket"
    ).positions
    shop.fill()
    shop.fill()

    assert shop.outbox() == positions


def test_a_filter_by_type_of_event_and_of_aggregate(idle: TestFleet) -> None:
    shop = filtered(idle, types=("Rang", "UserDeactivated"), of=("Toy",))
    shop.store("a", Labelled(text="x"))
    wanted = shop.store("a", Rang(note=1))
    user = UserCreated(user_id="ada", username="ada", email="ada@example.org")
    shop.store("ada", user, UserDeactivated(reason="moved"), type="User")
    shop.fill()

    assert shop.outbox() == wanted


def test_by_default_only_what_comes_later_is_sent(idle: TestFleet) -> None:
    first = subscribe(idle, NOWHERE, "first")
    first.append("a", 1, 2)
    late = subscribe(idle, NOWHERE, "late", start="now")
    (between,) = first.append("a", 3)
    middle = subscribe(idle, NOWHERE, "middle", start=2)
    for one in (first, late, middle):
        one.fill()

    assert first.outbox() == [1, 2, 3]
    assert late.outbox() == middle.outbox() == [between]
    assert fleet.subscriptions.find("late").start_position == 2


def test_a_position_that_does_not_exist_yet_is_refused_and_nothing_stored(idle: TestFleet) -> None:
    for start in (5, -1):
        with pytest.raises(InvalidSubscriptionError, match=r"^from must be start, now or"):
            subscribe(idle, NOWHERE, start=start)

    assert fleet.subscriptions.all() == []


def test_of_two_who_fill_it_one_is_turned_away(idle: TestFleet) -> None:
    shop = subscribe(idle, NOWHERE)
    shop.append("a", 1)
    fleet.subscriptions.set_status("shop", "paused", "a test")
    epochs = shop.ask(
        "select epoch from fleetlog.projection_checkpoints where projection_name = 'outbox:shop'"
    )

    assert epochs == [(1,)]
    assert shop.outbox() == []


def test_an_outbox_is_not_rebuilt(idle: TestFleet) -> None:
    shop = subscribe(idle, NOWHERE)
    positions = shop.append("a", 1)
    shop.fill()
    for arguments in ((), ("--in-place",)):
        refused = told("rebuild", "outbox:shop", *arguments)

        assert refused.status == 1
        assert "cannot be rebuilt" in refused.err
    assert shop.outbox() == positions


def test_a_removed_subscription_leaves_nothing_behind_and_its_name_is_free(
    idle: TestFleet,
) -> None:
    shop = subscribe(idle, NOWHERE)
    shop.append("a", 1, 2)
    shop.fill()
    fleet.subscriptions.remove("shop", "a test")
    left = [
        shop.ask(f"select * from fleetlog.{table} where {column} like '%%shop%%'")
        for table, column in (
            *(("outbox", "subscription"), ("deliveries", "subscription")),
            *(("delivery_cursors", "subscription"), ("subscription_secrets", "subscription")),
            *(("subscriptions", "name"), ("projection_checkpoints", "projection_name")),
        )
    ]
    with pytest.raises(UnknownSubscriptionError):
        projecting.advance("outbox:shop")
    again = subscribe(idle, NOWHERE, start="now")
    (position,) = again.append("a", 3)
    again.fill()

    assert left == [[]] * 6
    assert again.outbox() == [position]


SMALL = {
    "FLEETLOG_BATCH_SIZE": "5",
    "FLEETLOG_LOCK_LEASE_SECONDS": "0.4",
    "FLEETLOG_ADVANCE_BUDGET_SECONDS": "0.3",
}


def test_killed_while_filling_it_again_and_again_every_event_is_there_once(
    idle: TestFleet, tmp_path: Path
) -> None:
    with connected({**idle.environment, **SMALL}):
        shop = subscribe(idle, NOWHERE)
        positions = [p for n in range(20) for p in shop.append(f"toy-{n}", *range(50))]
        for number in range(2):
            enough = len(shop.outbox()) + 20
            with started(
                *("-m", "tests.integration.filler", "outbox:shop"),
                environment={**idle.environment, **SMALL},
                log=tmp_path / f"filler-{number}.log",
                ready="filling",
            ) as doomed:
                eventually(partial(filled, shop, enough), 30)
                doomed.kill()
        halfway = len(shop.outbox())
        eventually(partial(filled_on, shop, len(positions)), 30)

    assert 0 < halfway < len(positions)
    assert shop.outbox() == positions


def filled(shop: Subscribed, events: int) -> bool:
    return len(shop.outbox()) >= events


def filled_on(shop: Subscribed, events: int) -> bool:
    projecting.advance("outbox:shop")
    return filled(shop, events)
