"""Letters: from a template and what an event says to a mail whose headers nobody can add to."""

from collections.abc import Mapping
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime
from html import escape
from pathlib import Path
from string import Template
from typing import NamedTuple

import msgspec

from domain.aggregate import aggregate_class
from domain.message import Mark, marked_fields
from store.errors import UndecodableEventError, UnknownEventError
from store.notifications import Recipient
from workers.delivering.channel import Outgoing, UndeliverableError

OURS = Path(__file__).parent / "templates"
SUBJECT = "Subject:"
LONGEST_NAME = 100
LONGEST_SUBJECT = 200
UNWRITABLE = "the recipient's address cannot be written in a mail"


class Letter(NamedTuple):
    """A template, filled in."""

    subject: str
    text: str
    html: str | None


def written(template: str, folder: Path | None, values: Mapping[str, str]) -> Letter:
    """
    Fill the template of this name in: `NAME.txt`, which begins with its subject, and `NAME.html`.

    The user's folder comes first, and only what is missing there is taken from ours. Raises
    UndeliverableError for a template that asks for what the event has not.
    """
    places = [place for place in (folder, OURS) if place and (place / f"{template}.txt").is_file()]
    if not places:
        raise UndeliverableError(f"there is no template {template}.txt")
    text, html = places[0] / f"{template}.txt", places[0] / f"{template}.html"
    # Before it is filled: what is filled in may hold an empty line.
    head, _, body = text.read_text(encoding="utf-8").partition("\n\n")
    if not head.startswith(SUBJECT):
        raise UndeliverableError(f"{text.name} must begin with a line {SUBJECT} and an empty one")
    subject = filled(text.name, head.removeprefix(SUBJECT), values)
    letter = Letter(one_line(subject, LONGEST_SUBJECT), filled(text.name, body, values), None)
    if not html.is_file():
        return letter
    escaped = {name: escape(value) for name, value in values.items()}
    return letter._replace(html=filled(html.name, html.read_text(encoding="utf-8"), escaped))


def filled(name: str, text: str, values: Mapping[str, str]) -> str:
    try:
        return Template(text).substitute(values)
    except KeyError as error:
        asked, there = error.args[0], ", ".join(sorted(values))
        raise UndeliverableError(f"{name} asks for ${asked}; there is {there}") from None
    except ValueError:
        raise UndeliverableError(f"{name} holds a $ that begins no name: write $$") from None


def values_of(outgoing: Outgoing, recipient: Recipient) -> dict[str, str]:
    """Return what a template may ask for: the recipient's name and the event's fields."""
    known = {"username": recipient.name, "subscription": outgoing.subscription}
    if outgoing.is_test:
        return known
    recorded = outgoing.event
    try:
        event = recorded.event
    except (UndecodableEventError, UnknownEventError):  # their text may quote it
        place = recorded.global_sequence
        raise UndeliverableError(f"the event at position {place} cannot be read") from None
    marks = marked_fields(type(event))
    fields = {
        name: as_text(value)
        for name, value in msgspec.to_builtins(event).items()
        if marks.get(name) is not Mark.SECRET
    }
    owner = aggregate_class(recorded.aggregate_type)
    id_field = owner.id_field if owner else "aggregate_id"
    return {**fields, id_field: recorded.aggregate_id, **known}


def as_text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(as_text, value))
    return "" if value is None else str(value)


def addressed(
    letter: Letter, outgoing: Outgoing, sender: Address, recipient: Recipient
) -> EmailMessage:
    """
    Return the mail; the same at every attempt, but for its date.

    Names and subjects become one line first, and the policy refuses a header of several.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = address_of(recipient)
    mail["Subject"] = letter.subject
    mail["Date"] = localtime()
    mail["Message-ID"] = f"<{outgoing.key.replace(':', '.')}@{sender.domain}>"
    mail["Idempotency-Key"] = outgoing.key
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(letter.text)
    if letter.html is not None:
        mail.add_alternative(letter.html, subtype="html")
    return mail


def address_of(recipient: Recipient) -> Address:
    """Return the address as a header takes it; raises UndeliverableError without quoting it."""
    local, _, domain = recipient.address.rpartition("@")
    try:
        written_out = f"{local}@{domain.encode('idna').decode()}"
        made = Address(one_line(recipient.name, LONGEST_NAME), addr_spec=written_out)
    except Exception:  # noqa: BLE001 - the parser stumbles in many ways, and quotes
        raise UndeliverableError(UNWRITABLE) from None
    if made.addr_spec != written_out:  # it has left out what it took for a remark
        raise UndeliverableError(UNWRITABLE)
    return made


def one_line(text: str, longest: int) -> str:
    """Return a text as a header's value: what could begin another header is a blank."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(plain.split())[:longest]
