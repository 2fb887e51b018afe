"""One webhook at a time, against a real server that fails, hangs, drips and lies."""

import base64
import hashlib
import hmac
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import UUID

import msgspec
import pytest

from store.recorded import RecordedEvent
from store.subscriptions import Secrets, Subscription
from tests.integration.receivers import Answer, Receiver, receiving
from workers.delivering import addresses, sockets
from workers.delivering.addresses import RefusedAddressError, UnresolvedError
from workers.delivering.channel import FailedError, Outgoing, PostponedError, UndeliverableError
from workers.delivering.http import HttpChannel, channel
from workers.delivering.signing import new_secret

ID = UUID("0190f3c4-0000-7000-8000-000000000001")
WHEN = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
INSIDE = [
    *("127.0.0.1", "127.8.9.10", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]"),
    *("10.0.0.1", "172.16.3.4", "192.168.1.1", "100.64.0.1", "0.0.0.0", "[::]", "0", "127.1"),  # noqa: S104
    *("169.254.169.254", "[fe80::1]", "[fd00::1]", "[fec0::1]", "224.0.0.1", "255.255.255.255"),
    *("2130706433", "0x7f000001", "017700000001", "localhost", "[64:ff9b::7f00:1]"),
    *("[2002:7f00:1::]", "[2001:0:0:0:0:0:80ff:fffe]", "240.0.0.1", "198.18.0.1"),
]


hooks: list[HttpChannel] = []


@pytest.fixture(autouse=True)
def no_connection_is_left() -> Iterator[None]:
    yield
    while hooks:
        hooks.pop().close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def webhook(endpoint: str, *secrets: str, **options: Any) -> HttpChannel:
    found = Secrets(secrets or (new_secret(),))
    made = channel(Subscription("shop", "http", endpoint, options), found)
    hooks.append(made)
    return made


def to(receiver: Receiver, *secrets: str, **options: Any) -> HttpChannel:
    allowed = {"allow_http": True, "allow_private": True, **options}
    return webhook(receiver.url, *secrets, **allowed)


def outgoing(number: int = 1) -> Outgoing:
    data = msgspec.json.encode({"note": number, "größe": "ünï"}).decode()
    event = RecordedEvent(7, "toy", "Toy", "Rang", 1, number, WHEN, data, ID)
    return Outgoing(event, "shop", attempt=3)


def verified(body: bytes, headers: dict[str, str], secret: str) -> bool:
    """As docs/deliveries.md has it for receivers: with nothing of ours."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    given = [one.removeprefix("v1,") for one in headers["webhook-signature"].split(" ")]
    return fresh and any(hmac.compare_digest(wanted, one) for one in given)


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


@pytest.mark.parametrize("host", INSIDE)
def test_no_address_inside_is_connected_to(receiver: Receiver, host: str) -> None:
    with pytest.raises((RefusedAddressError, UnresolvedError)) as refused:
        webhook(f"http://{host}:{receiver.port}/", allow_http=True).send(outgoing())

    assert receiver.connections == 0
    assert isinstance(refused.value, RefusedAddressError) or "resolved" in str(refused.value)


def test_a_name_that_leads_inside_is_refused_even_if_it_leads_outside_too(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The resolver is replaced: no test may depend on a name server far away."""
    both = [("93.184.215.14", receiver.port), ("127.0.0.1", receiver.port)]
    monkeypatch.setattr(addresses, "looked_up", lambda *_: both)
    with pytest.raises(RefusedAddressError, match=r"shop\.example leads to 127\.0\.0\.1"):
        webhook(f"http://shop.example:{receiver.port}/", allow_http=True).send(outgoing())

    assert receiver.connections == 0


def test_a_name_is_resolved_once_and_connected_to_where_it_was_checked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that answers otherwise the second time gets no second question."""
    asked: list[Any] = []

    def rebinding(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    endpoint = f"http://shop.example:{receiver.port}/"
    webhook(endpoint, allow_http=True, allow_private=True).send(outgoing())

    assert asked == ["shop.example"]
    assert receiver.requests[0].headers["host"] == f"shop.example:{receiver.port}"


def test_a_resolver_that_does_not_answer_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    over = Event()

    def never(*_: Any, **__: Any) -> list[Any]:
        over.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", never)
    start = time.monotonic()
    with pytest.raises(UnresolvedError, match="no answer within"):
        webhook("https://shop.example/", timeout=1).send(outgoing())
    over.set()

    assert time.monotonic() - start < 2


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, made here and trusted by nobody else."""
    place = tmp_path_factory.mktemp("tls") / "localhost.pem"
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(place), "-out", str(place.with_suffix(".crt"))),
        ],
        capture_output=True,
        check=True,
    )
    assert made.returncode == 0
    place.write_text(place.read_text() + place.with_suffix(".crt").read_text())
    return place


@pytest.fixture
def secured(certificate: Path) -> Iterator[Receiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with receiving(context) as made:
        yield made


def test_an_encrypted_receiver_is_asked_for_a_certificate_that_we_trust(
    secured: Receiver, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = webhook(f"https://localhost:{secured.port}/", allow_private=True)
    with pytest.raises(ssl.SSLCertVerificationError):
        hook.send(outgoing())
    trust(certificate, monkeypatch)
    hook.send(outgoing())

    assert len(secured.requests) == 1


def test_a_certificate_must_be_for_the_name_of_the_endpoint(
    secured: Receiver, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(certificate, monkeypatch)
    with pytest.raises(ssl.SSLCertVerificationError):
        webhook(f"https://127.0.0.1:{secured.port}/", allow_private=True).send(outgoing())

    assert secured.requests == []


def trust(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))
    monkeypatch.setattr(sockets, "tls", sockets.tls.__wrapped__)
