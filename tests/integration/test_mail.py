"""Notifications by mail, from events to a real SMTP server."""

from decimal import Decimal

import pytest

from domain.orders import OrderPlaced, OrderShipped
from domain.users import UserCreated, UserEmailChanged
from store.codec import Metadata
from store.event_store import Expected
from store.read_model_tables import restart
from store.read_models.address_book import AddressBook
from tests.fleets import TestFleet
from tests.integration.mailing import ADA, ERRORS, LEFT, know_everybody, mailing
from tests.integration.postbox import USER, Postbox
from tests.integration.subscribed import Subscribed
from workers.console.subscriptions import send_test
from workers.delivering import attempts
from workers.fleet import fleet

SHIPPED = OrderShipped(packages=("parcel-1", "parcel-2"))
SKIPPED = """
select skip_reason from fleetlog.deliveries
where subscription = %s and status = 'skipped' order by 1
"""


@pytest.fixture(autouse=True)
def long_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rest ends by chance: they are drawn at random."""
    monkeypatch.setattr(attempts, "pause_after", lambda _: 60.0)


def placed(order: str, customer: str | None) -> OrderPlaced:
    return OrderPlaced(order_id=order, items=("lamp",), total=Decimal(1), customer_id=customer)


def test_a_new_user_is_welcomed_under_encryption(post: Subscribed, box: Postbox) -> None:
    post.store("ada", ADA, type="User")
    know_everybody()
    post.deliver()

    (mail,) = box.mails
    assert (mail.sender, mail.recipients) == ("shop@example.org", ["ada@example.org"])
    assert (mail.encrypted, mail.user) == (True, USER)
    assert mail.message["From"] == "Our shop <shop@example.org>"
    assert mail.message["To"] == "Ada <ada@example.org>"
    assert mail.message["Subject"] == "Welcome, Ada"
    assert mail.text.startswith("Hello Ada,")
    assert "<strong>ada</strong>" in mail.html
    assert post.statuses() == ["delivered"]


def test_whoever_moves_is_told_at_the_new_address(post: Subscribed, box: Postbox) -> None:
    post.store("ada", ADA, UserEmailChanged(new_email="new@example.org"), LEFT, type="User")
    know_everybody()
    post.deliver()

    assert [mail.recipients for mail in box.mails] == [["new@example.org"]] * 2
    assert box.mails[1].message["Subject"] == "Your account has been deactivated"
    assert "they asked" not in str(box.mails[1].message)
    assert post.statuses() == ["delivered", "skipped", "delivered"]


def test_the_customer_of_an_order_is_told_that_it_is_on_its_way(
    post: Subscribed, box: Postbox
) -> None:
    post.store("ada", ADA, type="User")
    post.store("7", placed("7", "ada"), SHIPPED, type="Order")
    know_everybody()
    post.deliver()

    (mail,) = [mail for mail in box.mails if "order" in str(mail.message["Subject"])]
    assert mail.recipients == ["ada@example.org"]
    assert "parcel-1, parcel-2" in mail.text


@pytest.mark.parametrize("customer", [None, "somebody-else"])
def test_an_order_of_nobody_we_know_sends_nothing_and_says_so(
    post: Subscribed, box: Postbox, customer: str | None
) -> None:
    post.store(f"of-{customer}", placed(f"of-{customer}", customer), SHIPPED, type="Order")
    know_everybody()
    post.deliver()

    assert box.mails == []
    assert post.statuses() == ["skipped", "skipped"]
    assert post.ask(SKIPPED, post.name) == [
        ("address_book knows nobody to tell",),
        ("nobody is told of OrderPlaced",),
    ]


def test_events_that_nobody_is_told_of_are_no_trouble_of_the_server(
    post: Subscribed, box: Postbox
) -> None:
    for number in range(20):
        post.store(f"many-{number}", placed(f"many-{number}", None), type="Order")
    know_everybody()
    post.deliver()
    post.store("ada", ADA, type="User")
    know_everybody()
    post.deliver()

    assert len(box.mails) == 1
    assert post.statuses() == [*["skipped"] * 20, "delivered"]


def test_a_mail_waits_for_the_address_book_and_that_is_no_attempt(
    post: Subscribed, box: Postbox
) -> None:
    """Before the book has come so far, that it knows nobody would mean nothing."""
    post.store("ada", ADA, type="User")
    post.deliver()
    before = (list(box.mails), post.rows()[0][1:])
    know_everybody()
    post.deliver_again()

    assert before == ([], ("waiting", 0))
    assert len(box.mails) == 1
    assert post.rows()[0][1:] == ("delivered", 1)


def test_a_mail_waits_while_the_address_book_has_set_its_user_aside(
    post: Subscribed, box: Postbox
) -> None:
    """Who changed before being created is parked there; who it is, a person will find out."""
    post.store("ghost", UserEmailChanged(new_email="ghost@example.org"), LEFT, type="User")
    know_everybody()
    post.deliver()
    post.deliver_again()

    assert [row[1:] for row in post.rows()] == [("skipped", 0), ("waiting", 0)]
    assert post.ask(ERRORS, post.name) == [("address_book has not come so far", 0)]


def test_a_name_with_line_breaks_reaches_nobody_else(post: Subscribed, box: Postbox) -> None:
    evil = UserCreated(
        user_id="eve", username="Eve\r\nBcc: mallory@example.org", email="eve@example.org"
    )
    post.store("eve", evil, type="User")
    know_everybody()
    post.deliver()

    (mail,) = box.mails
    assert mail.recipients == ["eve@example.org"]
    assert mail.message["Bcc"] is None


def test_more_mails_than_may_leave_wait_and_that_is_no_attempt(
    town: TestFleet, box: Postbox
) -> None:
    post = mailing(town, box, per_minute=1)
    post.store("ada", ADA, type="User")
    post.store("bob", UserCreated(user_id="bob", username="B", email="b@example.org"), type="User")
    know_everybody()
    post.deliver()

    assert len(box.mails) == 1
    assert sorted(row[1:] for row in post.rows()) == [("delivered", 1), ("waiting", 0)]
    assert [error for error, _ in post.ask(ERRORS, post.name)] == ["its turn has not come"]


def test_history_is_told_to_nobody_unless_that_is_wanted(town: TestFleet, box: Postbox) -> None:
    post, everything = mailing(town, box), mailing(town, box, history=True)
    long_ago = Metadata(occurred_at="2012-02-28T09:30:00Z")
    fleet.store.append_events("ada", Expected.ANY, [ADA], aggregate_type="User", metadata=long_ago)
    know_everybody()
    post.deliver()
    muted, why = list(box.mails), post.ask(SKIPPED, post.name)
    everything.deliver()

    assert muted == []
    assert why == [("it is imported history",)]
    assert len(box.mails) == 1


def test_what_was_before_a_subscription_is_told_to_nobody_nor_after_a_rebuild(
    town: TestFleet, box: Postbox
) -> None:
    Subscribed(town, "", "").store("ada", ADA, type="User")
    post = mailing(town, box, start="now")
    know_everybody()
    post.deliver()
    restart(fleet.database, AddressBook(), "test")
    know_everybody()
    post.deliver()

    assert box.mails == []
    assert post.rows() == []


def test_a_test_goes_to_the_sender(post: Subscribed, box: Postbox) -> None:
    send_test(post.name)

    (mail,) = box.mails
    assert mail.recipients == ["shop@example.org"]
    assert mail.message["Subject"] == f"A test of {post.name}"
