"""From events to a receiver: at least once, in order for each aggregate, with the same key."""

from collections.abc import Iterator, Sequence

import pytest

from tests.fleets import TestFleet
from tests.integration.receivers import Answer, Receiver, Request
from tests.integration.subscribed import Subscribed, subscribed
from workers.delivering import attempts
from workers.delivering.turn import AT_ONCE
from workers.fleet import fleet

FAILING = Answer(500)


@pytest.fixture(autouse=True)
def long_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rest ends by chance: they are drawn at random."""
    monkeypatch.setattr(attempts, "pause_after", lambda _: 60.0)


@pytest.fixture
def shop(town: TestFleet, receiver: Receiver) -> Iterator[Subscribed]:
    with subscribed(town, receiver.url) as made:
        yield made


@pytest.fixture
def strict(town: TestFleet, receiver: Receiver) -> Iterator[Subscribed]:
    """One whose deliveries are parked after two attempts."""
    with subscribed(town, receiver.url, attempts=2) as made:
        yield made


def test_every_event_is_delivered_once_and_in_order(shop: Subscribed, receiver: Receiver) -> None:
    positions = [*shop.append("a", 1, 2, 3), *shop.append("b", 4), *shop.append("a", 5)]
    more = shop.deliver()
    shop.deliver()

    assert not more
    assert [about for about in receiver.abouts if about[0] == "a"] == [
        ("a", n) for n in (1, 2, 3, 4)
    ]
    assert sorted(receiver.abouts) == [*(("a", n) for n in (1, 2, 3, 4)), ("b", 1)]
    assert shop.rows() == [(position, "delivered", 1) for position in positions]


def test_a_retried_delivery_carries_the_same_key_and_no_other_does(
    shop: Subscribed, receiver: Receiver
) -> None:
    shop.append("a", 1)
    shop.append("b", 2)
    receiver.answer = lambda _, number: FAILING if number < 2 else Answer()
    shop.deliver()
    shop.deliver_again()
    by_event: dict[tuple[str, int], set[str]] = {about: set() for about in receiver.abouts}
    for request in receiver.requests:
        by_event[request.about].add(request.key)

    assert len(receiver.requests) == 4
    assert [len(keys) for keys in by_event.values()] == [1, 1]
    assert len(set(receiver.keys)) == 2
    assert [r.headers["fleetlog-attempt"] for r in receiver.requests] == ["1", "1", "2", "2"]
    assert all(r.key == f"{r.event['id']}:shop" for r in receiver.requests)


def test_a_failing_event_holds_back_its_aggregate_and_no_other(
    shop: Subscribed, receiver: Receiver
) -> None:
    def answer(request: Request, _number: int) -> Answer:
        return FAILING if request.about == ("a", 1) and failing else Answer()

    failing = True
    receiver.answer = answer
    shop.append("a", 1, 2)
    shop.append("b", 1, 2)
    shop.deliver()
    shop.append("a", 3)
    shop.deliver()
    before = sorted(receiver.abouts)
    failing = False
    shop.deliver_again()

    assert before == [("a", 1), ("b", 1), ("b", 2)]
    assert [about for about in receiver.abouts if about[0] == "a"][1:] == [
        ("a", 1),
        ("a", 2),
        ("a", 3),
    ]
    assert set(shop.statuses()) == {"delivered"}


def test_different_aggregates_are_on_their_way_at_once_and_one_never_twice(
    shop: Subscribed, receiver: Receiver
) -> None:
    on_their_way: list[str] = []
    overlaps = []

    def slowly(request: Request, _number: int) -> Answer:
        subject = request.about[0]
        overlaps.append(subject in on_their_way)
        on_their_way.append(subject)
        receiver.over.wait(0.05)
        on_their_way.remove(subject)
        return Answer()

    receiver.answer = slowly
    for n in range(6):
        shop.append(f"toy-{n}", 1, 2)
    shop.deliver()

    assert len(receiver.requests) == 12
    assert 1 < receiver.most_at_once <= 4
    assert not any(overlaps)


def test_what_takes_long_is_not_sent_a_second_time_meanwhile(
    shop: Subscribed, receiver: Receiver
) -> None:
    receiver.answer = lambda request, _: Answer(after=1.0 if request.about == ("a", 1) else 0)
    shop.append("a", 1)
    shop.append("b", 1)
    shop.deliver()

    assert sorted(receiver.abouts) == [("a", 1), ("b", 1)]


def test_more_than_one_portion_of_an_outbox_is_taken_up(
    shop: Subscribed, receiver: Receiver
) -> None:
    positions = shop.append("a", *range(AT_ONCE + 20))
    shop.deliver()

    assert shop.rows() == [(position, "delivered", 1) for position in positions]


def test_a_delivery_that_keeps_failing_is_parked_and_holds_back_only_its_aggregate(
    strict: Subscribed, receiver: Receiver
) -> None:
    shop = strict
    receiver.answer = lambda request, _: FAILING if request.about == ("a", 1) else Answer()
    (first, second) = shop.append("a", 1, 2)
    shop.deliver()
    shop.deliver_again()
    shop.append("b", 1)
    shop.deliver_again()

    assert shop.rows()[:2] == [(first, "parked", 2), (second, "waiting", 0)]
    assert receiver.abouts == [("a", 1), ("a", 1), ("b", 1)]


def test_a_refused_delivery_is_parked_at_once(shop: Subscribed, receiver: Receiver) -> None:
    receiver.always(Answer(410))
    (position,) = shop.append("a", 1)
    shop.deliver()

    assert shop.rows() == [(position, "parked", 1)]
    assert shop.ask("select last_error from fleetlog.deliveries") == [("answered 410",)]


def test_a_retried_one_goes_out_before_what_waits_behind_it(
    shop: Subscribed, receiver: Receiver
) -> None:
    receiver.first(Answer(422))
    positions = shop.append("a", 1, 2)
    shop.deliver()
    retried = fleet.deliveries.retry("shop")
    shop.deliver()

    assert retried == positions[:1]
    assert receiver.abouts == [("a", 1), ("a", 1), ("a", 2)]
    assert shop.rows() == [(position, "delivered", 1) for position in positions]


def test_a_skipped_one_lets_those_behind_it_go(shop: Subscribed, receiver: Receiver) -> None:
    receiver.first(Answer(422))
    positions = shop.append("a", 1, 2)
    shop.deliver()
    skipped = fleet.deliveries.skip("shop", positions, "the order was never real")
    shop.deliver()

    assert skipped == positions[:1]
    assert receiver.abouts == [("a", 1), ("a", 2)]
    assert shop.statuses() == ["skipped", "delivered"]


def test_a_delivery_whose_mark_was_lost_is_made_again_with_the_same_key(
    shop: Subscribed, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(_name: str, positions: Sequence[int]) -> None:
        if positions:
            raise ConnectionError("the mark is lost")

    shop.append("a", 1)
    with monkeypatch.context() as patch:
        patch.setattr(fleet.deliveries, "delivered", lose)
        with pytest.raises(ConnectionError):
            shop.deliver()
    shop.deliver()

    assert receiver.abouts == [("a", 1), ("a", 1)]
    assert len(set(receiver.keys)) == 1
    assert shop.statuses() == ["delivered"]


def test_a_paused_subscription_is_neither_filled_nor_delivered_and_loses_nothing(
    shop: Subscribed, receiver: Receiver
) -> None:
    positions = shop.append("a", 1)
    shop.fill()
    fleet.subscriptions.set_status("shop", "paused", "a test")
    positions += shop.append("a", 2)
    shop.deliver()
    while_paused = (list(receiver.requests), shop.outbox())
    fleet.subscriptions.set_status("shop", "active", "a test")
    shop.deliver()

    assert while_paused == ([], positions[:1])
    assert receiver.abouts == [("a", 1), ("a", 2)]
    assert shop.outbox() == positions


def test_a_pause_reaches_a_deliverer_that_is_at_work(shop: Subscribed, receiver: Receiver) -> None:
    def pausing(_request: Request, number: int) -> Answer:
        if number == 0:
            fleet.subscriptions.set_status("shop", "paused", "a test")
        return Answer(after=0.05)

    receiver.answer = pausing
    shop.append("a", *range(40))
    shop.deliver()
    sent = len(receiver.requests)
    fleet.subscriptions.set_status("shop", "active", "a test")
    shop.deliver()

    assert sent < 30
    assert shop.statuses() == ["delivered"] * 40
    assert receiver.abouts == [("a", number) for number in range(1, 41)]
