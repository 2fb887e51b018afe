"""A subscription of mail at work in tests: filled and delivered by hand."""

from typing import Any
from uuid import uuid4

from domain.users import UserCreated, UserDeactivated
from store.read_model_tables import prepare
from store.read_models.address_book import AddressBook
from store.subscribing import Start
from store.subscriptions import Subscription
from tests.fleets import TestFleet
from tests.integration.postbox import PASSWORD, Postbox
from tests.integration.subscribed import Subscribed
from tests.rabbit import CERTIFICATES
from workers import projecting
from workers.fleet import fleet

SENDER = "Our shop <shop@example.org>"
ADA = UserCreated(user_id="ada", username="Ada", email="ada@example.org")
LEFT = UserDeactivated(reason="they asked")
QUICK = 6000  # mails a minute: none waits for its turn
ERRORS = """
select last_error, attempts from fleetlog.deliveries
where subscription = %s and last_error is not null
"""


def mailing(
    to: TestFleet,
    box: Postbox,
    *,
    start: Start = "now",
    secret: str | None = PASSWORD,
    **options: Any,
) -> Subscribed:
    """Have the people of this fleet told by mail, through a server that proves who it is."""
    given = {
        "sender": SENDER,
        "per_minute": QUICK,
        "ca_file": str(CERTIFICATES / "ca.pem"),
        **options,
    }
    name = f"post-{uuid4().hex[:8]}"
    prepare(fleet.database, [AddressBook()])
    fleet.subscriptions.add(Subscription(name, "mail", box.endpoint, given), start, secret)
    return Subscribed(to, name, secret or "")


def know_everybody() -> None:
    """Bring the address book up to date."""
    while projecting.advance("address_book"):
        pass
