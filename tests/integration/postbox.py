"""A receiver of mail for tests: a real SMTP server that misbehaves when it is told to."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.rabbit import CERTIFICATES, free_ports

USER, PASSWORD = "fleet", "open-sesame"
TAKEN = "250 OK"


@dataclass(frozen=True)
class Mail:
    """One mail as it came in: the envelope's sender and recipients, and what was in it."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    encrypted: bool
    user: str | None

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        return part.get_content() if part else ""

    @property
    def html(self) -> str:
        part = self.message.get_body(("html",))
        return part.get_content() if part else ""


@dataclass
class Postbox:
    """Keeps what it takes; `recipient` and `data` answer instead, by the address or the mail."""

    endpoint: str
    mails: list[Mail] = field(default_factory=list)
    recipient: Callable[[str], str] = lambda _: TAKEN
    data: Callable[[Mail], str] = lambda _: TAKEN
    hang_up_after: int = 0
    """So many mails are taken, and the connection ends before that is said."""
    conversations: list[Any] = field(default_factory=list)
    begun: list[Any] = field(default_factory=list)

    def disconnect(self) -> None:
        """Hang up on everybody, as servers do with those who say nothing for long."""
        for server in self.conversations:
            server.loop.call_soon_threadsafe(server.transport.close)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        self.conversations.append(server)
        answer = self.recipient(address)
        if answer == TAKEN:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - likewise
        message: Any = BytesParser(policy=default).parsebytes(envelope.content)
        user = session.auth_data.login.decode() if session.auth_data else None
        encrypted = session.ssl is not None or server.transport.get_extra_info("ssl_object")
        mail = Mail(envelope.mail_from, envelope.rcpt_tos, message, bool(encrypted), user)
        answer = self.data(mail)
        if answer == TAKEN:
            self.mails.append(mail)
            if len(self.mails) <= self.hang_up_after:
                server.transport.abort()
        return answer


class Closing(Controller):
    """Ends its conversations before it ends itself: sockets left open trouble later tests."""

    def factory(self) -> Any:
        server = super().factory()  # type: ignore[no-untyped-call]  # aiosmtpd has no types
        self.handler.begun.append(server)
        return server

    def hang_up(self) -> None:
        async def all_of_them() -> None:
            for server in self.handler.begun:
                if server.transport is not None:
                    server.transport.abort()
            await asyncio.sleep(0.01)  # what was aborted is closed in the loop's next rounds

        asyncio.run_coroutine_threadsafe(all_of_them(), self.loop).result(10)


@contextmanager
def postbox(*, encryption: str = "starttls", login: bool = True) -> Iterator[Postbox]:
    """Run a server for the length of a block: with STARTTLS, in TLS, or in plain text."""
    (port,) = free_ports(1)
    scheme = "smtps" if encryption == "tls" else "smtp"
    made = Postbox(f"{scheme}://{f'{USER}@' if login else ''}localhost:{port}")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATES / "server.pem", CERTIFICATES / "server.key")
    starttls: dict[str, Any] = {"tls_context": context, "require_starttls": True}
    controller = Closing(
        made,
        hostname="localhost",
        port=port,
        server_hostname="localhost",
        ssl_context=context if encryption == "tls" else None,
        authenticator=authenticate,
        auth_required=login,
        **(starttls if encryption == "starttls" else {}),
    )
    controller.start()
    try:
        yield made
    finally:
        controller.hang_up()
        controller.stop()


def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> Any:
    right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, auth_data=data, handled=False)
