"""`fleetlog subscription` for streams, exchanges and mail."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.fleets import TestFleet
from tests.integration.mailing import SENDER
from tests.integration.postbox import PASSWORD, Postbox, postbox
from tests.integration.screens import Told, told
from tests.rabbit import CERTIFICATES
from workers.fleet import fleet

MAIL = ("--kind", "mail", "--option", f"sender={SENDER}")


def added(name: str, *arguments: str, secret: str | None = None) -> Told:
    given = ("--secret-file", "-") if secret else ()
    return told("subscription", "add", name, *arguments, *given, input=secret)


@pytest.fixture
def name() -> str:
    return f"told-{uuid4().hex[:8]}"


@pytest.mark.parametrize(
    ("arguments", "secret"),
    [
        (("--kind", "stream", "--to", "rediss://fleet@redis.example/0"), PASSWORD),
        (("--kind", "stream", "--to", "rediss://redis.example", "--option", "maxlen=1000"), None),
        (("--kind", "amqp", "--to", "amqps://fleet@rabbit.example/shop"), PASSWORD),
        ((*MAIL, "--to", "smtp://fleet@mail.example"), PASSWORD),
        ((*MAIL, "--to", "smtps://mail.example", "--option", "per_minute=5"), None),
    ],
)
def test_a_receiver_of_any_kind_is_added_and_its_password_never_shown(
    town: TestFleet, name: str, arguments: tuple[str, ...], secret: str | None
) -> None:
    made = added(name, *arguments, secret=secret)
    shown = told("subscription", "show", name)

    assert made.status == 0
    assert fleet.subscriptions.secrets(name).newest == secret
    assert PASSWORD not in made.out + made.err + shown.out + shown.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--kind", "stream", "--to", "redis://redis.example"), "endpoint must start with rediss"),
        (("--kind", "amqp", "--to", "amqp://rabbit.example"), "endpoint must start with amqps"),
        (("--kind", "mail", "--to", "smtp://mail.example"), "options.sender must be given"),
        ((*MAIL, "--to", "smtp://fleet@mail.example"), "secret must be the password of the user"),
        ((*MAIL, "--to", "smtp://mail.example/x"), "endpoint must end behind the host"),
        (
            ("--kind", "mail", "--to", "smtp://m.example", "--option", "sender=shop"),
            "options.sender must be an address",
        ),
        (
            (*MAIL, "--to", "smtp://m.example", "--option", "templates=/nowhere"),
            "options.templates must be the path of a folder",
        ),
    ],
)
def test_what_cannot_be_right_is_refused_by_the_field_and_not_stored(
    town: TestFleet, name: str, arguments: tuple[str, ...], said: str
) -> None:
    refused = added(name, *arguments)

    assert refused.status == 1
    assert said in refused.err
    assert name not in {one.name for one in fleet.subscriptions.all()}


def test_a_test_shows_whether_the_mail_server_is_reached(
    town: TestFleet, name: str, box: Postbox
) -> None:
    trusted = ("--option", f"ca_file={CERTIFICATES / 'ca.pem'}")
    added(name, *MAIL, *trusted, "--to", box.endpoint, secret=PASSWORD)
    reached = told("subscription", "test", name)
    with postbox(encryption="none", login=False) as careless:
        added(f"{name}-2", *MAIL, *trusted, "--to", careless.endpoint)
        refused = told("subscription", "test", f"{name}-2")

    assert reached.status == 0
    assert [mail.recipients for mail in box.mails] == [["shop@example.org"]]
    assert refused.status == 1
    assert "offers no STARTTLS" in refused.err


def test_the_templates_of_a_folder_are_used(
    town: TestFleet, name: str, box: Postbox, tmp_path: Path
) -> None:
    (tmp_path / "test.txt").write_text("Subject: Mine\n\nof $subscription")
    ours = ("--option", f"ca_file={CERTIFICATES / 'ca.pem'}", "--option", f"templates={tmp_path}")
    added(name, *MAIL, *ours, "--to", box.endpoint, secret=PASSWORD)
    told("subscription", "test", name)

    assert [mail.message["Subject"] for mail in box.mails] == ["Mine"]
