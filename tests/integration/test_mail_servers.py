"""Mail servers that refuse, hang, break off or do not prove who they are."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from domain.users import UserCreated
from tests.fleets import TestFleet
from tests.integration.mailing import ADA, ERRORS, LEFT, know_everybody, mailing
from tests.integration.postbox import Mail, Postbox, postbox
from tests.integration.subscribed import Subscribed
from workers.delivering import attempts
from workers.delivering import post as post_office
from workers.delivering.channel import Outgoing
from workers.delivering.channels import channel_for
from workers.fleet import fleet


@pytest.fixture(autouse=True)
def long_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rest ends by chance: they are drawn at random."""
    monkeypatch.setattr(attempts, "pause_after", lambda _: 60.0)


def test_a_lost_answer_means_a_second_mail_with_the_same_key(
    post: Subscribed, box: Postbox
) -> None:
    box.hang_up_after = 1
    ((position,),) = [post.store("ada", ADA, type="User")]
    know_everybody()
    post.deliver()
    after_one = post.rows()
    post.deliver_again()

    first, second = box.mails
    assert after_one == [(position, "waiting", 1)]
    assert post.rows() == [(position, "delivered", 2)]
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.message["Idempotency-Key"] == second.message["Idempotency-Key"]


def test_a_recipient_refused_for_now_is_tried_again_and_one_refused_for_ever_is_not(
    post: Subscribed, box: Postbox
) -> None:
    post.store("ada", ADA, type="User")
    bob = UserCreated(user_id="bob", username="Bob", email="bob@example.org")
    post.store("bob", bob, type="User")
    know_everybody()
    box.recipient = lambda address: (
        "450 come back later" if address.startswith("ada") else "550 5.1.1 no such user"
    )
    post.deliver()
    refused = [row[1:] for row in post.rows()]
    box.recipient = lambda _: "250 OK"
    post.deliver_again()

    assert refused == [("waiting", 1), ("parked", 1)]
    assert post.statuses() == ["delivered", "parked"]
    assert [mail.recipients for mail in box.mails] == [["ada@example.org"]]


@pytest.mark.parametrize(("code", "status"), [("452", "waiting"), ("554", "parked")])
def test_what_a_server_says_of_somebody_is_masked(
    post: Subscribed, box: Postbox, capfd: pytest.CaptureFixture[str], code: str, status: str
) -> None:
    def refuse(mail: Mail) -> str:
        return f"{code} 5.7.1 <{mail.recipients[0]}>: ADA has a box at a.lovelace@else.example"

    box.data = refuse
    post.store("ada", ADA, type="User")
    know_everybody()
    post.deliver()

    ((error, _),) = post.ask(ERRORS, post.name)
    assert post.statuses() == [status]
    assert error == (f"the mail server refuses the mail: {code} 5.7.1 <***>: *** has a box at ***")
    assert "ada@" not in "".join(capfd.readouterr()).lower()


def test_without_encryption_nothing_is_sent_unless_it_is_allowed_by_name(
    town: TestFleet,
) -> None:
    with postbox(encryption="none", login=False) as box:
        post = mailing(town, box, secret=None)
        allowed = mailing(town, box, secret=None, allow_plaintext=True)
        post.store("ada", ADA, type="User")
        know_everybody()
        post.deliver()
        refused, errors = list(box.mails), post.ask(ERRORS, post.name)
        allowed.probe()  # they share an endpoint, and its circuit

    assert refused == []
    assert errors == [("the mail server offers no STARTTLS, so nothing was sent", 1)]
    assert [mail.encrypted for mail in box.mails] == [False]


def test_a_server_that_nobody_vouches_for_gets_nothing(town: TestFleet, box: Postbox) -> None:
    post = mailing(town, box, ca_file=None)
    post.store("ada", ADA, type="User")
    know_everybody()
    post.deliver()

    ((error, _),) = post.ask(ERRORS, post.name)
    assert "CERTIFICATE_VERIFY_FAILED" in error
    assert box.mails == []


def test_a_wrong_password_is_told_but_not_which(town: TestFleet, box: Postbox) -> None:
    post = mailing(town, box, secret="not-the-password")  # noqa: S106 - which is the point
    post.store("ada", ADA, type="User")
    know_everybody()
    post.deliver()

    assert post.ask(ERRORS, post.name) == [("the mail server refuses our user, or TLS: 535", 1)]


def test_mail_goes_through_tls_from_the_first_byte(town: TestFleet) -> None:
    with postbox(encryption="tls", login=False) as box:
        post = mailing(town, box, secret=None)
        post.store("ada", ADA, type="User")
        know_everybody()
        post.deliver()

    assert [mail.encrypted for mail in box.mails] == [True]


def test_a_connection_that_the_server_closed_meanwhile_costs_no_attempt(
    post: Subscribed, box: Postbox
) -> None:
    post.store("ada", ADA, LEFT, type="User")
    know_everybody()
    post.fill()
    welcome, farewell = (
        Outgoing(due.event, post.name) for due in fleet.deliveries.due(post.name, (), 9)
    )
    channel = channel_for(
        fleet.subscriptions.find(post.name), fleet.subscriptions.secrets(post.name)
    )
    channel.send(welcome)
    kept = len(set(map(id, box.conversations)))
    channel.send(farewell)
    same = len(set(map(id, box.conversations)))
    box.disconnect()
    channel.send(farewell)

    channel.close()
    assert (kept, same, len(set(map(id, box.conversations)))) == (1, 1, 2)
    assert len(box.mails) == 3


def test_a_server_that_answers_drop_by_drop_is_given_up_in_time(
    town: TestFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post_office, "LONGEST_SECONDS", 0.5)
    with dripping() as endpoint:
        post = mailing(town, Postbox(endpoint), secret=None)
        post.store("ada", ADA, type="User")
        know_everybody()
        began = time.monotonic()
        post.deliver()

    assert time.monotonic() - began < 4
    assert post.ask(ERRORS, post.name) == [("the mail server has not taken it within 0.5 s", 1)]


@contextmanager
def dripping() -> Iterator[str]:
    """Run a server that greets without end, a byte at a time."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        pool.submit(drip, listener)
        yield f"smtp://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def drip(listener: socket.socket) -> None:
    client, _ = listener.accept()
    with client, suppress(OSError):
        while True:
            client.sendall(b"2")
            time.sleep(0.05)
