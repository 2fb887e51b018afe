"""What deliveries are made of, without a server: pauses, signatures, addresses, answers."""

import ipaddress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID

import pytest

from store.outbox import Outbox, OutboxRow, subscription_of
from store.recorded import RecordedEvent
from store.subscriptions import Secrets, Subscription
from workers.delivering.addresses import is_public
from workers.delivering.attempts import (
    LONGEST_PAUSE,
    endpoint_is_well,
    pause_after,
    within_bounds,
)
from workers.delivering.channel import FailedError, Outgoing, PostponedError, UndeliverableError
from workers.delivering.http import seconds_of
from workers.delivering.payload import cloud_event
from workers.delivering.signing import key_of, keys_of, new_secret, signature

ID = UUID("0190f3c4-0000-7000-8000-000000000001")
SHOP = Subscription("shop", "http", "https://shop.example/")


def event(type: str = "Rang", of: str = "Toy", data: str = '{"note":1}') -> RecordedEvent:
    when = datetime(2026, 2, 28, tzinfo=UTC)
    return RecordedEvent(7, "a", of, type, 1, 1, when, data, ID)


@pytest.mark.parametrize("attempts", [1, 3, 8, 30, 1000])
def test_a_pause_is_drawn_from_the_whole_interval_which_doubles_up_to_a_limit(
    attempts: int,
) -> None:
    most = min(LONGEST_PAUSE, 2.0**attempts)
    pauses = [pause_after(attempts) for _ in range(400)]

    assert 0 <= min(pauses) < most * 0.1
    assert most * 0.9 < max(pauses) <= most


def test_nobody_makes_us_wait_for_ever_or_not_at_all() -> None:
    assert [within_bounds(s) for s in (-5, 0, 17, 3600, 1e12)] == [0, 0, 17, 3600, 3600]


def test_what_an_attempt_says_about_the_endpoint() -> None:
    said = {
        True: (None, UndeliverableError("no")),
        False: (FailedError("no"), TimeoutError(), PostponedError("later", 1)),
        None: (PostponedError("later", 1, counted=False),),
    }

    assert {well: {endpoint_is_well(e) for e in errors} for well, errors in said.items()} == {
        True: {True},
        False: {False},
        None: {None},
    }


def test_a_signature_is_the_one_of_the_published_example() -> None:
    """The example of the Standard Webhooks libraries, computed by others."""
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    made = signature([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)

    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_secrets_that_are_made_up_differ_and_can_sign() -> None:
    made = {new_secret() for _ in range(50)}

    assert len(made) == 50
    assert all(len(key) == 32 for key in keys_of(Secrets(tuple(made))))


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"],
)
def test_a_public_address_is_one_however_it_is_written(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_a_key_belongs_to_one_event_and_one_subscription() -> None:
    assert Outgoing(event(), "shop", 1).key == Outgoing(event(), "shop", 9).key == f"{ID}:shop"
    assert Outgoing(event(), "other").key != Outgoing(event(), "shop").key


@pytest.mark.parametrize("text", ["", "soon", "-3", "1.5", "٣", "Sat, 99 Feb 2026 00:00:00 GMT"])
def test_a_time_to_come_back_that_is_none_is_passed_over(text: str) -> None:
    assert seconds_of(text) is None


def test_a_time_to_come_back_may_be_a_number_or_a_moment() -> None:
    past = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)

    assert seconds_of("17") == 17
    assert seconds_of("9" * 400) == 999_999_999
    assert (seconds_of(past) or 0) < 0
    assert seconds_of(None) is None


def test_an_event_whose_data_cannot_be_read_is_undeliverable() -> None:
    with pytest.raises(UndeliverableError, match="Rang at position 7 cannot be read"):
        cloud_event(event(data="[1]"))


def test_an_outbox_is_a_pure_fold_of_what_its_subscription_wants() -> None:
    only = Subscription("shop", "http", "https://x/", event_types=frozenset({"Rang"}))
    row = OutboxRow("shop", 7, ID, "a")

    assert Outbox(SHOP).evolve({}, event("Ünheard")) == {(OutboxRow, "shop", 7): row}
    assert Outbox(only).evolve({}, event("Rang")) == {(OutboxRow, "shop", 7): row}
    assert Outbox(only).evolve({}, event("Labelled")) == {}
    assert Outbox(SHOP).aggregate_types is None


def test_an_outbox_is_named_after_its_subscription() -> None:
    assert Outbox(SHOP).name == "outbox:shop"
    assert subscription_of("outbox:shop") == "shop"
    assert subscription_of("user_directory") is None
