"""An endpoint in trouble is spared: by all workers, and until one probe arrives."""

from collections.abc import Iterator

import pytest

from store.circuits import OPENS_AFTER, Circuit
from tests.fleets import TestFleet
from tests.integration.receivers import Answer, Receiver
from tests.integration.subscribed import Subscribed, subscribe, subscribed
from workers.delivering import attempts, delivering
from workers.fleet import fleet

FAILING = Answer(500)


@pytest.fixture(autouse=True)
def long_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rest ends by chance: they are drawn at random."""
    monkeypatch.setattr(attempts, "pause_after", lambda _: 60.0)


@pytest.fixture
def shop(town: TestFleet, receiver: Receiver) -> Iterator[Subscribed]:
    """One thread, so that it is known how many requests were on their way."""
    with subscribed(town, receiver.url, parallel=1) as made:
        yield made


def opened(shop: Subscribed, receiver: Receiver) -> None:
    """Have more events than the endpoint is allowed to fail at."""
    receiver.always(FAILING)
    for number in range(OPENS_AFTER + 3):
        shop.append(f"toy-{number}", 1)
    shop.deliver()


def state(shop: Subscribed) -> Circuit:
    return fleet.circuits.state(fleet.subscriptions.find(shop.name).circuit)


def test_a_circuit_opens_after_failures_in_a_row_and_nothing_more_is_sent(
    shop: Subscribed, receiver: Receiver
) -> None:
    opened(shop, receiver)
    sent, work = len(receiver.requests), fleet.deliveries.work()
    more = shop.deliver_again()

    assert sent == OPENS_AFTER
    assert state(shop) is Circuit.OPEN
    assert not more
    assert len(receiver.requests) == OPENS_AFTER
    assert [one.due for one in work] == [False]


def test_failures_with_a_delivery_in_between_do_not_open_it(
    shop: Subscribed, receiver: Receiver
) -> None:
    receiver.answer = lambda _, number: Answer(200 if number % OPENS_AFTER == 3 else 500)
    for number in range(3 * OPENS_AFTER):
        shop.append(f"toy-{number}", 1)
    shop.deliver()

    assert len(receiver.requests) == 3 * OPENS_AFTER
    assert state(shop) is Circuit.CLOSED


def test_one_probe_goes_out_and_when_it_fails_the_circuit_stays_open(
    shop: Subscribed, receiver: Receiver
) -> None:
    opened(shop, receiver)
    more = shop.probe()

    assert not more
    assert len(receiver.requests) == OPENS_AFTER + 1
    assert state(shop) is Circuit.OPEN


def test_a_probe_that_arrives_closes_it_and_everything_goes_out(
    shop: Subscribed, receiver: Receiver
) -> None:
    opened(shop, receiver)
    receiver.always(Answer())
    shop.probe()

    assert state(shop) is Circuit.CLOSED
    assert set(shop.statuses()) == {"delivered"}
    assert shop.ask("select * from fleetlog.endpoint_circuits") == []


def test_one_event_that_always_fails_does_not_keep_the_circuit_open(
    shop: Subscribed, receiver: Receiver
) -> None:
    """A probe is the delivery that has failed least."""
    receiver.answer = lambda request, _: FAILING if request.about[0] == "bad" else Answer()
    shop.append("bad", 1)
    for _ in range(OPENS_AFTER):
        shop.deliver_again()
    when_open = state(shop)
    shop.append("good", 1)
    shop.probe()

    assert when_open is Circuit.OPEN
    assert ("good", 1) in receiver.abouts
    assert state(shop) is Circuit.CLOSED


def test_of_all_who_ask_one_may_probe(shop: Subscribed, receiver: Receiver) -> None:
    opened(shop, receiver)
    shop.execute("update fleetlog.endpoint_circuits set open_until = now()")
    circuit = fleet.subscriptions.find(shop.name).circuit

    assert [fleet.circuits.may_probe(circuit) for _ in range(3)] == [True, False, False]


def test_subscriptions_of_one_endpoint_share_its_circuit(
    shop: Subscribed, receiver: Receiver
) -> None:
    opened(shop, receiver)
    other = subscribe(
        shop.fleet,
        receiver.url,
        name="other",
        start=fleet.subscriptions.find("shop").start_position,
    )
    other.deliver()

    assert len(receiver.requests) == OPENS_AFTER
    assert other.outbox() == shop.outbox()


def test_it_stays_open_longer_each_time_but_not_for_ever(shop: Subscribed) -> None:
    pauses = []
    for _ in range(OPENS_AFTER + 12):
        fleet.circuits.failed("http far away", 1)
        pauses += shop.ask(
            "select extract(epoch from open_until - clock_timestamp())::float "
            "from fleetlog.endpoint_circuits where open_until is not null"
        )
    seconds = [pause for (pause,) in pauses]

    assert len(seconds) == 13
    assert seconds[0] <= 5
    assert 50 < seconds[-1] <= 120


def test_a_refusal_of_one_event_says_nothing_against_the_endpoint(
    shop: Subscribed, receiver: Receiver
) -> None:
    receiver.always(Answer(422))
    for number in range(2 * OPENS_AFTER):
        shop.append(f"toy-{number}", 1)
    shop.deliver()

    assert set(shop.statuses()) == {"parked"}
    assert state(shop) is Circuit.CLOSED


def test_who_lost_the_race_for_a_probe_sends_nothing(
    shop: Subscribed, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(shop, receiver)
    shop.execute("update fleetlog.endpoint_circuits set open_until = now()")
    shop.execute("update fleetlog.deliveries set next_attempt_at = null")
    circuit = fleet.subscriptions.find(shop.name).circuit
    monkeypatch.setattr(fleet.circuits, "state", lambda _: Circuit.HALF_OPEN)
    fleet.circuits.may_probe(circuit)
    more = delivering.deliver("shop")

    assert not more
    assert len(receiver.requests) == OPENS_AFTER
