"""The audit log, entry by entry: in words, field by field, and without people's data."""

from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

import pytest

from domain.aggregate import Aggregate
from domain.command import Command
from domain.event import Event
from domain.message import Personal, Secret
from domain.orders import OrderPlaced, PaymentProcessed
from domain.upcasting import Data, upcaster
from domain.users import UserCreated, UserDeactivated, UserEmailChanged, UserPasswordChanged
from store.audit_table import AuditEntry
from store.codec import RawEvent
from store.errors import UnknownEventError
from store.read_models.audit_log import AuditLog, KnownValues
from store.read_models.audit_words import predicate
from store.recorded import RecordedEvent
from tests.unit.recording import NOON, folded, of, recorded

SECRETS = ("lovelace", "ada@example.org", "ada@example.net", "$argon2id$x")
COMMAND = "0b73f0c9-20b0-55c8-b5f0-dbf88db94d60"
OPENED = RawEvent(event_type="TicketOpened", data={"severity": "low", "product": 3})


class CardIssued(Event, version=2):
    card_id: str
    holder: Personal[str] | None = None
    pin: tuple[Secret[str], ...] = ()
    limit: int = 0


class IssueCard(Command):
    card_id: str


IssuedOnly: TypeAlias = CardIssued


class Card(Aggregate[IssuedOnly, IssueCard], id="card_id", name="AuditedCard"):
    def execute(self, command: IssueCard) -> None:
        raise NotImplementedError

    def apply(self, event: CardIssued) -> None:
        raise NotImplementedError


@upcaster(CardIssued, from_version=1)
def name_the_holder(data: Data) -> Data:
    """Version 1 had the holder's name in `name`, their age in `limit`, in plain."""
    return {"card_id": data["card_id"], "holder": data["name"], "limit": 100}


def log(*events: RecordedEvent) -> list[AuditEntry]:
    return of(folded(AuditLog(), events), AuditEntry)


def values(entry: AuditEntry) -> dict[str, tuple[Any, Any]]:
    return {one["field"]: (one["old"], one["new"]) for one in entry.changes}


def test_an_entry_says_when_who_what_on_which_aggregate_and_why() -> None:
    event = recorded(
        UserDeactivated(reason="left"),
        position=7,
        actor="ada",
        db_user="fleetlog_app",
        db_host="10.0.0.1",
        command_id=COMMAND,
        causation_id=COMMAND,
        correlation_id="talk-1",
        occurred_at="2012-01-01T00:30:00+02:00",
    )
    (entry,) = log(event)

    assert entry.words == "User bob was deactivated"
    assert (entry.position, entry.event_id, entry.at) == (7, event.event_id, NOON)
    assert str(entry.occurred_at) == "2011-12-31 22:30:00+00:00"
    assert (entry.actor, entry.db_user, entry.db_host) == ("ada", "fleetlog_app", "10.0.0.1")
    assert (entry.aggregate_type, entry.aggregate_id, entry.sequence_number) == ("User", "bob", 7)
    assert (entry.event_type, entry.schema_version) == ("UserDeactivated", 1)
    assert (entry.reason, entry.command_id) == ("left", UUID(COMMAND))
    assert (entry.correlation_id, entry.causation_id) == ("talk-1", COMMAND)


def test_the_reason_that_somebody_gave_goes_before_the_one_in_the_event() -> None:
    (entry,) = log(recorded(UserDeactivated(reason="left"), reason="ticket 12"))

    assert entry.reason == "ticket 12"


def test_a_command_id_that_is_none_is_left_out() -> None:
    (entry,) = log(recorded(UserDeactivated(reason="left"), command_id="by hand"))

    assert entry.command_id is None


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("User", "UserDeactivated", " was deactivated"),
        ("Invoice", "InvoiceSent", " was sent"),
        ("SupportTicket", "SupportTicketReopened", " was reopened"),
        ("User", "UserEmailChanged", ": email changed"),
        ("helpdesk", "AssignSeriousness", ": assign seriousness"),
        ("permit", "T02CheckConfirmationOfReceipt", ": T02 check confirmation of receipt"),
        ("Ticket", "com.acme.ticket.closed", ": com.acme.ticket.closed"),
        ("User", "User", ": user"),
        ("Odd", "___", ": ___"),
        ("Odd", "{id}", ": {id}"),
    ],
)
def test_words_are_made_of_the_names(kind: str, name: str, says: str) -> None:
    assert predicate(kind, name) == says


def test_an_event_may_bring_better_words() -> None:
    (entry,) = log(recorded(PaymentProcessed(amount=Decimal(1)), id="990001"))

    assert entry.words == "Order 990001 was paid"


def test_every_field_is_told_with_its_value_before_and_now() -> None:
    later = RawEvent(event_type="TicketMoved", data={"severity": "high", "section": None})
    first, second = log(recorded(OPENED), recorded(later, position=2))

    assert values(first) == {"severity": (None, "low"), "product": (None, 3)}
    assert values(second) == {"severity": ("low", "high"), "section": (None, None)}


def test_what_one_aggregate_said_is_not_anothers_value_before() -> None:
    _, second = log(recorded(OPENED), recorded(OPENED, id="other", position=2))

    assert values(second) == {"severity": (None, "low"), "product": (None, 3)}


def test_a_new_value_of_a_field_is_told_beside_the_one_it_replaces() -> None:
    raised = RawEvent(event_type="TicketRaised", data={"new_severity": "high"})
    both = RawEvent(event_type="TicketRaised", data={"new_severity": "top", "severity": "high"})
    _, second, third = log(
        recorded(OPENED), recorded(raised, position=2), recorded(both, position=3)
    )

    assert values(second) == {"severity": ("low", "high")}
    assert values(third) == {"severity": ("high", "high"), "new_severity": (None, "top")}


def test_peoples_data_is_in_no_row() -> None:
    facts = [
        UserCreated(user_id="bob", username="lovelace", email="ada@example.org"),
        UserEmailChanged(new_email="ada@example.net"),
        UserPasswordChanged(password_hash="$argon2id$x"),  # noqa: S106 - a test's
    ]
    rows = folded(AuditLog(), [recorded(fact, position=n) for n, fact in enumerate(facts)])
    created, changed, _ = of(rows, AuditEntry)

    assert [secret for secret in SECRETS if secret in repr(rows)] == []
    assert values(created) == {"user_id": (None, "bob")} | dict.fromkeys(
        ["username", "email"], (None, "***")
    )
    assert values(changed) == {"email": ("***", "***")}
    assert of(rows, KnownValues) == [
        KnownValues(
            "bob", {"user_id": "bob"} | dict.fromkeys(["username", "email", "password_hash"], "***")
        )
    ]


def test_a_mark_within_a_fields_type_hides_the_field() -> None:
    issued = CardIssued(card_id="c", holder="lovelace", pin=("1815",), limit=5)
    (entry,) = log(recorded(issued, id="c"))

    assert values(entry) == {
        "card_id": (None, "c"),
        "holder": (None, "***"),
        "pin": (None, "***"),
        "limit": (None, 5),
    }


def old(data: dict[str, Any], version: int = 1) -> RecordedEvent:
    raw = RawEvent(event_type="CardIssued", data=data, version=version)
    return recorded(raw, id="c", kind="AuditedCard")


def test_an_old_event_is_told_in_its_own_words_as_far_as_todays_class_vouches_for_them() -> None:
    (entry,) = log(old({"card_id": "c", "name": "lovelace", "limit": 36}))

    assert entry.schema_version == 1
    assert values(entry) == {
        "card_id": (None, "c"),
        "name": (None, "***"),
        "limit": (None, "***"),
    }


def test_a_field_that_the_class_does_not_know_is_hidden() -> None:
    (entry,) = log(old({"card_id": "c", "nickname": "lovelace"}, version=2))

    assert values(entry) == {"card_id": (None, "c"), "nickname": (None, "***")}


@pytest.mark.parametrize(
    "event",
    [
        recorded(RawEvent(event_type="CardLost", data={"by": "lovelace"}), kind="AuditedCard"),
        old({"card_id": "c", "by": "lovelace"}, version=3),
    ],
)
def test_an_event_that_only_newer_code_knows_may_hold_peoples_data(event: RecordedEvent) -> None:
    with pytest.raises(UnknownEventError):
        log(event)


def test_data_that_does_not_fit_its_old_version_is_set_aside_and_nothing_of_it_told() -> None:
    placed = OrderPlaced(order_id="o", items=("a",), total=Decimal(1))

    assert [e.aggregate_id for e in log(old({"card_id": "c"}), recorded(placed, id="o"))] == ["o"]
