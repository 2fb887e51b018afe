"""Letters: what a template and an event become, and what nobody can smuggle into them."""

from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path

import pytest

from domain.orders import OrderShipped
from domain.users import UserCreated, UserPasswordChanged
from store.notifications import Recipient
from tests.outgoing import outgoing
from workers.delivering.channel import UndeliverableError
from workers.delivering.letters import Letter, address_of, addressed, values_of, written

SHOP = Address("Our shop", addr_spec="shop@example.org")
ADA = Recipient("Ada", "ada@example.org")
CREATED = UserCreated(user_id="42", username="Ada", email="ada@example.org")
EVIL = "Eve\r\nBcc: mallory@example.org\n\nand \x85another\u2028line\x00"


def mail_to(recipient: Recipient, template: str = "welcome") -> EmailMessage:
    sent = outgoing(CREATED)
    return addressed(written(template, None, values_of(sent, recipient)), sent, SHOP, recipient)


def test_a_name_with_line_breaks_adds_no_header() -> None:
    mail = mail_to(Recipient(EVIL, "eve@example.org"))
    lines = mail.as_bytes().partition(b"\r\n\r\n")[0].split(b"\r\n")

    assert not [line for line in lines if line.lower().startswith((b"bcc", b"and"))]
    assert [str(a) for a in mail["To"].addresses] == [
        '"Eve Bcc: mallory@example.org and another line" <eve@example.org>'
    ]
    assert mail["Subject"] == "Welcome, Eve Bcc: mallory@example.org and another line"


def test_a_header_of_several_lines_cannot_even_be_written() -> None:
    """Should a line break come through after all, there is no mail instead of a wrong one."""
    letter = Letter("Hello\r\nBcc: mallory@example.org", "", None)

    with pytest.raises(ValueError, match="may not contain linefeed or carriage return"):
        addressed(letter, outgoing(CREATED), SHOP, ADA)


@pytest.mark.parametrize(
    "address",
    [
        "eve@example.org\r\nBcc: mallory@example.org",
        "eve@example.org, mallory@example.org",
        "eve,mallory@example.org",
        "eve>@example.org",
        "eve(for mallory)@example.org",
        "ève@example.org",
        "eve@exa\x00mple.org",
        "eve@" + "x" * 64 + ".org",
        "eve",
        "",
    ],
)
def test_an_address_that_is_more_than_an_address_is_refused_unquoted(address: str) -> None:
    with pytest.raises(UndeliverableError) as refusal:
        address_of(Recipient("Eve", address))

    assert str(refusal.value) == "the recipient's address cannot be written in a mail"
    assert refusal.value.__cause__ is None


def test_a_domain_in_any_script_is_written_as_the_net_knows_it() -> None:
    assert address_of(Recipient("", "eve@bücher.example")).addr_spec == "eve@xn--bcher-kva.example"


def test_html_shows_what_an_event_says_and_does_not_become_it() -> None:
    mail = mail_to(Recipient("<img src=x onerror=alert(1)> & Co", "eve@example.org"))
    html = mail.get_body(("html",))

    assert html is not None
    assert "<p>Hello &lt;img src=x onerror=alert(1)&gt; &amp; Co,</p>" in html.get_content()


def test_a_mail_is_known_by_its_key_at_every_attempt() -> None:
    sent = outgoing(CREATED)
    letter = written("welcome", None, values_of(sent, ADA))
    first, second = (addressed(letter, sent, SHOP, ADA) for _ in range(2))

    assert first["Message-ID"] == f"<{sent.event.event_id}.theirs@example.org>"
    assert second["Message-ID"] == first["Message-ID"]
    assert first["Idempotency-Key"] == sent.key
    assert first["Auto-Submitted"] == "auto-generated"


def test_a_template_may_ask_for_the_fields_of_the_event_but_for_no_secret() -> None:
    shipped = outgoing(OrderShipped(packages=("a", "b")), "7", aggregate_type="Order")
    changed = outgoing(UserPasswordChanged(password_hash="$argon2id$x"))  # noqa: S106 - a hash

    always = {"username": "Ada", "subscription": "theirs"}
    assert values_of(shipped, ADA) == {"packages": "a, b", "order_id": "7", **always}
    assert values_of(changed, ADA) == {"user_id": "42", **always}


def test_a_users_template_goes_before_ours_and_ours_stand_in_for_missing_ones(
    tmp_path: Path,
) -> None:
    (tmp_path / "welcome.txt").write_text("Subject: Ciao $username\n\n$$5 for you, $username.\n")
    theirs = written("welcome", tmp_path, {"username": "Ada", "user_id": "42"})
    ours = written("deactivated", tmp_path, {"username": "Ada", "user_id": "42"})

    assert theirs == Letter("Ciao Ada", "$5 for you, Ada.\n", None)
    assert ours.subject == "Your account has been deactivated"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Subject: Hi\n\n$colour", r"mine\.txt asks for \$colour; there is username"),
        ("Subject: Hi\n\n$ 5", r"mine\.txt holds a \$ that begins no name: write \$\$"),
        ("Hello\n\n$username", r"mine\.txt must begin with a line Subject: and an empty one"),
    ],
)
def test_a_template_that_cannot_be_filled_is_told_by_its_name(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "mine.txt").write_text(text)

    with pytest.raises(UndeliverableError, match=said):
        written("mine", tmp_path, {"username": "Ada"})


def test_a_template_that_is_nowhere_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(UndeliverableError, match=r"there is no template mine\.txt"):
        written("mine", tmp_path, {})


def test_nobody_s_repr_shows_a_recipient() -> None:
    assert repr(ADA) == "Recipient()"
