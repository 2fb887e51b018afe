"""Mail through SMTP: encrypted unless allowed otherwise, in one conversation with a time limit."""

import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from workers.delivering.channel import FailedError, UndeliverableError
from workers.delivering.deadline import Deadline, cut
from workers.delivering.words import masked

LONGEST_SECONDS = 18.0  # a server may think about a mail for long, and giving up means twice
FAREWELL_SECONDS = 2.0
REFUSED = 500  # a reply from here on is for ever


@dataclass(frozen=True)
class Server:
    """Where mail is handed in, and how."""

    host: str
    port: int
    context: ssl.SSLContext | None
    """None: in plain text, which somebody has allowed."""
    implicit: bool
    """Encrypted from the first byte, or by STARTTLS."""
    user: str | None
    password: str | None = field(repr=False)
    hostname: str
    """What we call ourselves."""
    timeout: float
    """For connecting."""


class Conversation(smtplib.SMTP):
    """smtplib's, whose socket can be cut by another thread from the beginning on."""

    def __init__(self, server: Server, hold: Callable[[socket.socket], None]) -> None:
        self._server = server
        self._hold = hold
        super().__init__(server.host, server.port, server.hostname, server.timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]  # as SMTP_SSL does
        self._hold(made)
        if self._server.implicit and self._server.context:
            made = self._server.context.wrap_socket(
                made, server_hostname=host, do_handshake_on_connect=False
            )
            self._hold(made)
            made.do_handshake()
        made.settimeout(LONGEST_SECONDS)
        return made


class Post:
    """Hands mails in, and keeps the connection from one to the next."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._talk: Conversation | None = None
        self._socket: Any = None

    def send(self, mail: EmailMessage, sender: str, recipient: str, private: list[str]) -> None:
        """
        Return once the server has taken the mail.

        Raises UndeliverableError where it refuses the mail or the recipient for ever, FailedError
        for everything else; `private` words are masked in what they say.
        """
        with Deadline(LONGEST_SECONDS, self._hang_up) as deadline:
            try:
                self._opened().send_message(mail, sender, [recipient])
            except (OSError, smtplib.SMTPException, ValueError) as error:
                self._abandon()
                if deadline.over:
                    reason = f"the mail server has not taken it within {LONGEST_SECONDS:g} s"
                    raise FailedError(reason) from None
                # Without the cause: its text may quote the recipient.
                raise judged(error, private) from None

    def close(self) -> None:
        if self._talk is not None:
            with Deadline(FAREWELL_SECONDS, self._hang_up), suppress(Exception):
                self._talk.quit()
        self._abandon()

    def _opened(self) -> Conversation:
        """Return a conversation that goes on, the one of before if the server still listens."""
        if self._talk is None or not self._is_there(self._talk):
            self._abandon()
            self._talk = Conversation(self._server, self._remember)
            self._enter(self._talk)
        return self._talk

    def _enter(self, talk: Conversation) -> None:
        server = self._server
        try:
            if server.context and not server.implicit:
                talk.starttls(context=server.context)
                self._remember(talk.sock)
            if server.user is not None:
                talk.login(server.user, server.password or "")
        except smtplib.SMTPNotSupportedError:
            what = "login" if talk.has_extn("starttls") else "STARTTLS"
            raise FailedError(f"the mail server offers no {what}, so nothing was sent") from None
        except smtplib.SMTPResponseException as error:
            reason = f"the mail server refuses our user, or TLS: {error.smtp_code}"
            raise FailedError(reason) from None

    def _is_there(self, talk: Conversation) -> bool:
        try:
            return talk.noop()[0] == 250  # noqa: PLR2004 - "OK"
        except (OSError, smtplib.SMTPException):
            return False

    def _remember(self, used: Any) -> None:
        self._socket = used

    def _hang_up(self) -> None:
        cut(self._socket)

    def _abandon(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
        if self._talk is not None:
            self._talk.close()
        self._talk = self._socket = None


def judged(error: Exception, private: list[str]) -> Exception:
    """Return what a failure of smtplib means: for ever, or for now."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        ((code, text),) = error.recipients.values()
        said = f"the mail server refuses the recipient: {reply(code, text, private)}"
        return UndeliverableError(said) if code >= REFUSED else FailedError(said)
    if isinstance(error, smtplib.SMTPConnectError | smtplib.SMTPHeloError):
        return FailedError(
            f"the mail server turns us away: {reply(error.smtp_code, error.smtp_error, private)}"
        )
    if isinstance(error, smtplib.SMTPResponseException):
        code = error.smtp_code
        said = f"the mail server refuses the mail: {reply(code, error.smtp_error, private)}"
        return UndeliverableError(said) if code >= REFUSED else FailedError(said)
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return FailedError("the mail server has hung up")
    if isinstance(error, smtplib.SMTPNotSupportedError) or not isinstance(error, OSError):
        return UndeliverableError("the mail server cannot be told of such an address")
    return FailedError(f"the mail server is out of reach: {masked(str(error), private)}")


def reply(code: int, text: bytes | str, private: list[str]) -> str:
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"{code} {masked(said, private)}"
