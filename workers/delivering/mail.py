"""Notifications: a mail for each event that somebody is told of, through SMTP."""

import socket
import ssl
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Annotated
from urllib.parse import SplitResult, unquote

from pydantic import AfterValidator, Field

from store.engine import Role
from store.notifications import Notification, Recipient, notification_for
from store.recorded import RecordedEvent
from store.subscriptions import InvalidSubscriptionError, Secrets, Subscription
from workers.delivering.channel import NothingToSendError, Outgoing, PostponedError
from workers.delivering.endpoints import endpoint_of
from workers.delivering.letters import address_of, addressed, values_of, written
from workers.delivering.options import Line, ReadableFolder, ServerOptions, options_of
from workers.delivering.pace import Pace
from workers.delivering.post import Post, Server
from workers.fleet import fleet

# Both are private: the one has to ask for STARTTLS first, unless somebody has allowed otherwise.
PORTS = {"smtp": 587, "smtps": 465}
SOON = 1.0
TEST_TEMPLATE = "test"


def a_sender(text: str) -> str:
    name, address = parseaddr(text)
    try:
        Address(name, addr_spec=address)
    except Exception:  # noqa: BLE001 - the parser stumbles in many ways
        address = ""
    if not address.isascii() or not address.partition("@")[2] or not text.isprintable():
        raise ValueError("must be an address, such as: Our shop <shop@example.org>")
    return text


class MailOptions(ServerOptions):
    sender: Annotated[str, AfterValidator(a_sender)]
    """From whom the mails are."""
    per_minute: int = Field(default=60, ge=1, le=6000)
    """How many mails leave in a minute, evenly; the others wait."""
    templates: ReadableFolder | None = None
    """A folder of templates that go before ours."""
    history: bool = False
    """Whether imported history, too, is told of."""
    hostname: Line | None = None
    """What we call ourselves; None: this machine's name."""


def channel(subscription: Subscription, secrets: Secrets) -> "MailChannel":
    """Make the channel of one subscription; the newest secret is its user's password."""
    options = options_of(MailOptions, subscription)
    url = endpoint_of(subscription, options, dict.fromkeys(PORTS, True))
    if url.path not in {"", "/"}:
        raise InvalidSubscriptionError("endpoint", "must end behind the host and its port")
    if (secrets.newest is None) != (url.username is None):
        raise InvalidSubscriptionError(
            "secret", "must be the password of the user that the endpoint names: smtp://user@host"
        )
    return MailChannel(subscription.name, server_of(url, secrets.newest, options), options)


def server_of(url: SplitResult, password: str | None, options: MailOptions) -> Server:
    implicit = url.scheme == "smtps"
    encrypted = implicit or not options.allow_plaintext
    ca_file = options.ca_file and str(options.ca_file)
    return Server(
        host=url.hostname or "",
        port=url.port or PORTS[url.scheme],
        context=ssl.create_default_context(cafile=ca_file) if encrypted else None,
        implicit=implicit,
        user=unquote(url.username) if url.username else None,
        password=password,
        hostname=options.hostname or socket.gethostname(),
        timeout=options.timeout,
    )


class MailChannel:
    """Looks the recipient up at each attempt: addresses change, and people go."""

    def __init__(self, subscription: str, server: Server, options: MailOptions) -> None:
        self._subscription = subscription
        self._options = options
        name, address = parseaddr(options.sender)
        self._sender = Address(name, addr_spec=address)
        self._post = Post(server)

    def send(self, outgoing: Outgoing) -> None:
        template, recipient = self._whom_to_tell(outgoing)
        values = values_of(outgoing, recipient)
        letter = written(template, self._options.templates, values)
        mail = addressed(letter, outgoing, self._sender, recipient)
        address = address_of(recipient).addr_spec
        Pace(fleet.redis, self._subscription, self._options.per_minute).wait()
        self._post.send(mail, self._sender.addr_spec, address, private_words(recipient, address))

    def close(self) -> None:
        self._post.close()

    def _whom_to_tell(self, outgoing: Outgoing) -> tuple[str, Recipient]:
        """Return template and recipient; a test goes to the sender."""
        if outgoing.is_test:
            return TEST_TEMPLATE, Recipient(self._sender.display_name, self._sender.addr_spec)
        event = outgoing.event
        found = notification_for(event.aggregate_type, event.event_type)
        if found is None:
            raise NothingToSendError(f"nobody is told of {event.event_type}")
        if event.metadata.occurred_at is not None and not self._options.history:
            raise NothingToSendError("it is imported history")
        return found.template, recipient_of(found, event)


def recipient_of(notification: Notification, event: RecordedEvent) -> Recipient:
    """Return whom to tell, once the address book must know."""
    book = notification.book
    with fleet.database.connect(Role.READER) as connection:
        if not book.has_reached(connection, event):
            raise PostponedError(f"{book.projection} has not come so far", SOON, counted=False)
        found = book.find(connection, event)
    if found is None:
        raise NothingToSendError(f"{book.projection} knows nobody to tell")
    return found


def private_words(recipient: Recipient, address: str) -> list[str]:
    """Return what a server might quote of somebody; domains of their own among them."""
    local, _, domain = address.partition("@")
    return [recipient.address, address, local, domain, recipient.name, *recipient.name.split()]
