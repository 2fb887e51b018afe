"""One webhook at a time, against a real server that fails, hangs, drips and lies."""

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Thread

import pytest

from store.recorded import RecordedEvent
from tests.integration.receivers import Answer, Receiver, receiving
from tests.integration.webhooks import ID, WHEN, close_all, outgoing, to, verified, webhook
from workers.delivering.channel import FailedError, Outgoing, PostponedError, UndeliverableError
from workers.delivering.signing import new_secret


@pytest.fixture(autouse=True)
def no_connection_is_left() -> Iterator[None]:
    yield
    close_all()


def test_an_event_arrives_as_a_signed_cloud_event(receiver: Receiver) -> None:
    secret = new_secret()
    to(receiver, secret).send(outgoing())
    (request,) = receiver.requests

    assert request.path == "/hook?from=fleetlog"
    assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert request.headers["idempotency-key"] == request.headers["webhook-id"] == f"{ID}:shop"
    assert request.headers["fleetlog-attempt"] == "3"
    assert request.event["specversion"] == "1.0"
    assert (request.event["type"], request.event["subject"]) == ("Rang", "toy")
    assert request.event["data"] == {"note": 1, "größe": "ünï"}
    assert verified(request.body, request.headers, secret)


def test_a_signature_is_good_for_one_body_one_time_and_one_key_alone(receiver: Receiver) -> None:
    secret = new_secret()
    to(receiver, secret).send(outgoing())
    (request,) = receiver.requests
    later = str(int(request.headers["webhook-timestamp"]) + 1)

    assert not verified(request.body + b" ", request.headers, secret)
    assert not verified(request.body, request.headers, new_secret())
    assert not verified(request.body, {**request.headers, "webhook-timestamp": later}, secret)
    assert not verified(request.body, {**request.headers, "webhook-id": "another"}, secret)


def test_while_secrets_change_both_can_verify(receiver: Receiver) -> None:
    new, old = new_secret(), new_secret()
    to(receiver, new, old).send(outgoing())
    (request,) = receiver.requests

    assert verified(request.body, request.headers, new)
    assert verified(request.body, request.headers, old)


def test_what_is_marked_secret_does_not_leave(receiver: Receiver) -> None:
    data = '{"password_hash":"hunter2"}'
    event = RecordedEvent(7, "ada", "User", "UserPasswordChanged", 1, 1, WHEN, data, ID)
    to(receiver).send(Outgoing(event, "shop"))

    assert receiver.requests[0].event["data"] == {"password_hash": "***"}
    assert b"hunter2" not in receiver.requests[0].body


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_an_answer_of_the_200s_is_a_delivery(receiver: Receiver, status: int) -> None:
    receiver.always(Answer(status, body=b""))
    to(receiver).send(outgoing())

    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [400, 410, 413, 415, 422])
def test_an_answer_that_is_final_is_not_tried_again(receiver: Receiver, status: int) -> None:
    receiver.always(Answer(status))
    with pytest.raises(UndeliverableError, match=f"answered {status}"):
        to(receiver).send(outgoing())


@pytest.mark.parametrize("status", [401, 403, 404, 408, 409, 425, 429, 500, 502, 503, 504])
def test_any_other_answer_is_a_failure(receiver: Receiver, status: int) -> None:
    receiver.always(Answer(status))
    with pytest.raises(FailedError, match=f"answered {status}"):
        to(receiver).send(outgoing())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    with receiving() as elsewhere:
        receiver.always(Answer(status, {"location": elsewhere.url}))
        with pytest.raises(FailedError, match="redirects are not followed"):
            to(receiver).send(outgoing())

        assert elsewhere.connections == 0


def test_a_receiver_may_ask_to_be_left_alone_for_a_while(receiver: Receiver) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    asked = []
    for value in ("17", moment):
        receiver.always(Answer(503, {"retry-after": value}))
        with pytest.raises(PostponedError) as postponed:
            to(receiver).send(outgoing())
        asked.append(postponed.value)

    assert asked[0].seconds == 17
    assert 90 < asked[1].seconds < 101
    assert all(one.counted for one in asked)


def test_a_request_that_nobody_answers_fails(receiver: Receiver) -> None:
    receiver.always(Answer(close=True))
    with pytest.raises(ConnectionError):
        to(receiver).send(outgoing())

    assert len(receiver.requests) == 1


@pytest.mark.parametrize("answer", [Answer(hang=True), Answer(drip=0.2)], ids=["hangs", "drips"])
def test_nobody_is_waited_for_longer_than_was_said(receiver: Receiver, answer: Answer) -> None:
    receiver.always(answer)
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        to(receiver, timeout=1).send(outgoing())

    assert 0.9 < time.monotonic() - start < 2


def test_nor_is_one_who_takes_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        endpoint = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        large = "x" * 20_000_000
        event = RecordedEvent(7, "toy", "Toy", "Rang", 1, 1, WHEN, f'{{"note":"{large}"}}', ID)
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            webhook(endpoint, allow_http=True, allow_private=True, timeout=1).send(
                Outgoing(event, "shop")
            )

    assert time.monotonic() - start < 4


def test_a_long_answer_is_not_read_to_its_end(receiver: Receiver) -> None:
    endless = Answer(headers={"content-length": "1000000000000"}, body=b"x" * 70_000)
    receiver.always(endless)
    start = time.monotonic()
    to(receiver).send(outgoing())

    assert time.monotonic() - start < 1


def test_an_answer_that_is_no_http_fails_and_is_not_quoted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        hook = webhook(
            f"http://127.0.0.1:{server.getsockname()[1]}/", allow_http=True, allow_private=True
        )
        answer_once(server, b"my password is hunter2\r\n\r\n")
        with pytest.raises(FailedError, match="no HTTP") as failed:
            hook.send(outgoing())

    assert "hunter2" not in str(failed.value)


def answer_once(server: socket.socket, words: bytes) -> None:
    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(words)

    Thread(target=answer, daemon=True).start()


def test_an_answer_given_twice_does_not_count_for_the_next_event(receiver: Receiver) -> None:
    receiver.first(Answer(200, twice=True), Answer(500))
    hook = to(receiver)
    hook.send(outgoing(1))
    with pytest.raises(FailedError, match="answered 500"):
        hook.send(outgoing(2))


def test_a_connection_is_kept_and_made_anew_when_it_was_closed_meanwhile(
    receiver: Receiver,
) -> None:
    hook = to(receiver)
    for number in (1, 2, 3):
        hook.send(outgoing(number))
    before = receiver.connections
    receiver.first(*[Answer()] * 3, Answer(headers={"connection": "close"}))
    for number in (4, 5):
        hook.send(outgoing(number))

    assert (before, receiver.connections) == (1, 2)
    assert [number for _, number in receiver.abouts] == [1, 2, 3, 4, 5]
