"""Where a webhook may go: to addresses checked when connecting, proven by a certificate."""

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.integration.receivers import Receiver, receiving
from tests.integration.webhooks import close_all, outgoing, webhook
from workers.delivering import addresses, sockets
from workers.delivering.addresses import RefusedAddressError, UnresolvedError

INSIDE = [
    *("127.0.0.1", "127.8.9.10", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]"),
    *("10.0.0.1", "172.16.3.4", "192.168.1.1", "100.64.0.1", "0.0.0.0", "[::]", "0", "127.1"),  # noqa: S104
    *("169.254.169.254", "[fe80::1]", "[fd00::1]", "[fec0::1]", "224.0.0.1", "255.255.255.255"),
    *("2130706433", "0x7f000001", "017700000001", "localhost", "[64:ff9b::7f00:1]"),
    *("[2002:7f00:1::]", "[2001:0:0:0:0:0:80ff:fffe]", "240.0.0.1", "198.18.0.1"),
]


@pytest.fixture(autouse=True)
def no_connection_is_left() -> Iterator[None]:
    yield
    close_all()


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
