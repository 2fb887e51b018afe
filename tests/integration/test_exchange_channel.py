"""Deliveries to an AMQP exchange, on a real RabbitMQ where there is one."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import msgspec
import pytest
from kombu import Connection, Exchange, Message, Queue

from domain.event import Event
from domain.users import UserDeactivated
from store.subscriptions import Subscription
from tests.fleets import TestFleet
from tests.integration.subscribed import Subscribed
from tests.outgoing import channel_to, outgoing
from tests.rabbit import CERTIFICATES, Rabbit, rabbit
from workers.delivering.channel import Channel, FailedError, UndeliverableError
from workers.fleet import fleet

PASSWORD = "open-sesame"  # noqa: S105 - of a server that lives for a minute
LEFT = UserDeactivated(reason="they asked")


@pytest.fixture(scope="module")
def server() -> Iterator[Rabbit]:
    """A broker that is not ours: a receiver's."""
    with rabbit() as found:
        yield found


@pytest.fixture
def exchange() -> str:
    """A name that no other test uses."""
    return f"events-{uuid4().hex[:8]}"


@contextmanager
def ours(server: Rabbit, exchange: str, **options: object) -> Iterator[Channel]:
    channel = channel_to("amqp", server.url, PASSWORD, exchange=exchange, **options)
    try:
        yield channel
    finally:
        channel.close()


@contextmanager
def theirs(server: Rabbit, queue: Queue) -> Iterator[Queue]:
    """The receiver's queue, bound to the exchange."""
    with Connection(server.url, password=PASSWORD) as connection:
        bound = queue(connection.channel())
        bound.declare()
        yield bound


def bound_to(exchange: str, routing_key: str = "#") -> Queue:
    return Queue(f"of-{exchange}", Exchange(exchange, "topic", durable=True), routing_key)


def taken(queue: Queue) -> list[Message]:
    found: list[Message] = []
    while message := queue.get(no_ack=True):
        found.append(message)
    return found


def test_an_event_becomes_a_persistent_message_with_its_key(server: Rabbit, exchange: str) -> None:
    sent = outgoing(LEFT)
    with theirs(server, bound_to(exchange)) as queue, ours(server, exchange) as channel:
        channel.send(sent)
        (message,) = taken(queue)

    event = msgspec.json.decode(message.body or "")
    assert message.content_type == "application/cloudevents+json"
    assert message.properties["message_id"] == f"{sent.event.event_id}:theirs"
    assert int(message.properties["delivery_mode"]) == 2
    assert (event["type"], event["subject"]) == ("UserDeactivated", "42")
    assert event["data"] == {"reason": "they asked"}


def test_a_topic_exchange_routes_by_aggregate_type_and_event_type(
    server: Rabbit, exchange: str
) -> None:
    class Closed(Event):
        pass

    with (
        theirs(server, bound_to(exchange, "User.*")) as queue,
        ours(server, exchange, mandatory=False) as channel,
    ):
        channel.send(outgoing(LEFT))
        channel.send(outgoing(Closed(), aggregate_type="Account"))
        found = taken(queue)

    assert [message.delivery_info["routing_key"] for message in found] == ["User.UserDeactivated"]


def test_a_headers_exchange_routes_by_the_headers(server: Rabbit, exchange: str) -> None:
    wanted = {"x-match": "all", "aggregate_type": "User", "event_type": "UserDeactivated"}
    by_headers = Exchange(exchange, "headers", durable=True)
    queue = Queue(f"of-{exchange}", by_headers, binding_arguments=wanted)
    sent = outgoing(LEFT)
    with (
        theirs(server, queue) as bound,
        ours(server, exchange, exchange_type="headers", mandatory=False) as channel,
    ):
        channel.send(outgoing(LEFT, aggregate_type="Account"))
        channel.send(sent)
        (message,) = taken(bound)

    assert message.headers["idempotency_key"] == sent.key


def test_a_message_that_no_queue_takes_is_a_failure_that_is_told(
    server: Rabbit, exchange: str
) -> None:
    sent = outgoing(LEFT)
    with ours(server, exchange) as channel:
        with pytest.raises(FailedError, match=r"no queue takes messages of User\.User"):
            channel.send(sent)
        with theirs(server, bound_to(exchange)) as queue:
            channel.send(sent)
            (message,) = taken(queue)

    assert message.properties["message_id"] == sent.key


def test_an_exchange_that_is_not_there_and_not_to_be_made_is_told(
    server: Rabbit, exchange: str
) -> None:
    with (
        ours(server, exchange, declare=False) as channel,
        pytest.raises(FailedError, match="404 NOT_FOUND - no exchange"),
    ):
        channel.send(outgoing(LEFT))


def test_an_exchange_of_another_type_is_told(server: Rabbit, exchange: str) -> None:
    with (
        theirs(server, bound_to(exchange)),
        ours(server, exchange, exchange_type="headers") as channel,
        pytest.raises(FailedError, match="PRECONDITION_FAILED - inequivalent arg 'type'"),
    ):
        channel.send(outgoing(LEFT))


def test_a_message_that_is_too_large_for_the_broker_is_left_to_a_person(
    server: Rabbit, exchange: str
) -> None:
    """This broker takes 64 kB."""
    with theirs(server, bound_to(exchange)) as queue, ours(server, exchange) as channel:
        with pytest.raises(UndeliverableError, match=r"message size \d+ is larger than"):
            channel.send(outgoing(UserDeactivated(reason="private " * 10_000)))
        channel.send(outgoing(LEFT))

        assert len(taken(queue)) == 1


def test_a_wrong_password_is_told_but_not_which(server: Rabbit, exchange: str) -> None:
    channel = channel_to("amqp", server.url, "not-the-password", exchange=exchange)
    with pytest.raises(FailedError, match="refuses our user: 403") as refusal:
        channel.send(outgoing(LEFT))

    assert "not-the-password" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_a_broker_is_reached_through_tls_when_it_can_prove_who_it_is(
    server: Rabbit, exchange: str
) -> None:
    endpoint = f"amqps://fleet@localhost:{server.tls_port}"
    sent = outgoing(LEFT)
    trusting = channel_to(
        "amqp", endpoint, PASSWORD, exchange=exchange, ca_file=str(CERTIFICATES / "ca.pem")
    )
    wary = channel_to("amqp", endpoint, PASSWORD, exchange=exchange)

    with theirs(server, bound_to(exchange)) as queue:
        trusting.send(sent)
        with pytest.raises(FailedError, match="CERTIFICATE_VERIFY_FAILED"):
            wary.send(outgoing(LEFT))
        trusting.close()

        assert [message.properties["message_id"] for message in taken(queue)] == [sent.key]


def test_a_broker_that_hangs_is_given_up_in_time(server: Rabbit, exchange: str) -> None:
    with (
        theirs(server, bound_to(exchange)) as queue,
        ours(server, exchange, timeout=0.2) as channel,
    ):
        channel.send(outgoing(LEFT))
        server.signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            with pytest.raises(FailedError, match=r"has not confirmed within 0\.4 s"):
                channel.send(outgoing(LEFT))
            with pytest.raises(FailedError, match=r"has not confirmed within 0\.4 s"):
                channel.send(outgoing(LEFT))
            lasted = time.monotonic() - began
        finally:
            server.signal(signal.SIGCONT)
        last = outgoing(LEFT)
        channel.send(last)
        found = [message.properties["message_id"] for message in taken(queue)]

    assert lasted < 3
    assert found[-1] == last.key


def test_through_the_whole_machine_every_aggregate_keeps_its_order(
    town: TestFleet, server: Rabbit, exchange: str
) -> None:
    wanted = Subscription("theirs", "amqp", server.url, {"exchange": exchange})
    fleet.subscriptions.add(wanted, "now", PASSWORD)
    of = Subscribed(town, "theirs", PASSWORD)
    for note in range(5):
        for toy in "abc":
            of.append(toy, note)
    with theirs(server, bound_to(exchange)) as queue:
        of.deliver()
        events = [msgspec.json.decode(message.body or "") for message in taken(queue)]

    assert of.statuses() == ["delivered"] * 15
    for toy in "abc":
        notes = [event["data"]["note"] for event in events if event["subject"] == toy]
        assert notes == [0, 1, 2, 3, 4]


def test_what_was_confirmed_outlives_a_kill_and_the_rest_is_sent_when_the_broker_is_back(
    server: Rabbit, exchange: str
) -> None:
    """Whoever has sent nothing meanwhile notices nothing: it connects anew by itself."""
    before, meanwhile, after = (outgoing(LEFT) for _ in range(3))
    with ours(server, exchange) as unlucky, ours(server, exchange) as lucky:
        with theirs(server, bound_to(exchange)):
            unlucky.send(before)
            lucky.send(outgoing(LEFT))
            server.kill()
        with pytest.raises(FailedError, match="has not taken the message"):
            unlucky.send(meanwhile)
        server.start()
        unlucky.send(meanwhile)
        lucky.send(after)

    with theirs(server, bound_to(exchange)) as queue:
        found = [message.properties["message_id"] for message in taken(queue)]
    assert [found[0], *found[2:]] == [before.key, meanwhile.key, after.key]
