"""
Webhooks: one POST for each event, signed, to where it may go, within a time limit.

What a receiver answers with decides: 2xx is delivered; 400, 410, 413, 415 and 422 are no for ever,
and park the delivery; everything else, a redirect too, is tried again. Retry-After is honoured.
"""

import time
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import Field

from store.subscriptions import InvalidSubscriptionError, Secrets, Subscription
from workers.delivering.addresses import resolved
from workers.delivering.channel import FailedError, Outgoing, PostponedError, UndeliverableError
from workers.delivering.options import Options, options_of
from workers.delivering.payload import CONTENT_TYPE, body
from workers.delivering.signing import keys_of, signature
from workers.delivering.sockets import Limit, LimitedSocket, connected, encrypted

LONGEST_TIMEOUT = 20.0
CONNECT_SECONDS = 5.0  # for one step of connecting: resolving, reaching, shaking hands
STEP_SECONDS = 10.0  # for one step of talking
MOST_BYTES = 65_536  # of an answer that are looked at
NEVER = frozenset({400, 410, 413, 415, 422})


class Target(NamedTuple):
    """Where an endpoint's requests go."""

    secure: bool
    host: str
    port: int
    path: str


class HttpOptions(Options):
    allow_http: bool = False
    """Whether a webhook may go unencrypted."""
    allow_private: bool = False
    """Whether it may go to addresses that are not public."""
    timeout: float = Field(default=15.0, ge=1, le=LONGEST_TIMEOUT)
    """How long one request may take, all in all."""


def channel(subscription: Subscription, secrets: Secrets) -> "HttpChannel":
    """Make the channel; raises InvalidSubscriptionError, naming the field."""
    options = options_of(HttpOptions, subscription)
    target = target_of(subscription, allow_http=options.allow_http)
    keys, private = keys_of(secrets), options.allow_private
    return HttpChannel(target, keys, options.timeout, private=private)


def target_of(subscription: Subscription, *, allow_http: bool) -> Target:
    try:
        url = urlsplit(subscription.endpoint)
        host, port = url.hostname or "", url.port
    except ValueError as error:
        raise InvalidSubscriptionError("endpoint", f"is no URL: {error}") from error
    secure = url.scheme == "https"
    if not secure and url.scheme != "http":
        raise InvalidSubscriptionError("endpoint", "must begin with https://")
    if not secure and not allow_http:
        rule = "must begin with https://; where that is impossible, allow it: --allow-http"
        raise InvalidSubscriptionError("endpoint", rule)
    if not host or url.username is not None or url.fragment or " " in subscription.endpoint:
        rule = "must be a URL with a host, without user, fragment and blanks"
        raise InvalidSubscriptionError("endpoint", rule)
    if not subscription.endpoint.isascii():
        raise InvalidSubscriptionError("endpoint", "must be ASCII: encode what is not")
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    return Target(secure, host, port or (443 if secure else 80), path)


class HttpChannel:
    """One connection at most, kept from one event to the next."""

    def __init__(self, target: Target, keys: list[bytes], timeout: float, *, private: bool) -> None:
        self._target = target
        self._keys = keys
        self._timeout = timeout
        self._private = private
        self._connection: HTTPConnection | None = None
        self._limited: LimitedSocket | None = None

    def send(self, outgoing: Outgoing) -> None:
        """Post it; returns when the receiver has said that it has it."""
        content = body(outgoing.event)
        headers = self._headers(outgoing, content)
        limit = Limit(self._timeout)
        kept = self._connection is not None
        try:
            response = self._post(content, headers, limit)
        except ConnectionError:
            if not kept:
                raise
            # It may have been closed while it lay idle: that is nobody's failure.
            self.close()
            response = self._post(content, headers, limit)
        judge(response.status, response.getheader("retry-after"))

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError):
                connection.close()

    def _headers(self, outgoing: Outgoing, content: bytes) -> dict[str, str]:
        timestamp = int(time.time())
        return {
            "content-type": f"{CONTENT_TYPE}; charset=utf-8",
            "user-agent": "fleetlog",
            "idempotency-key": outgoing.key,
            "webhook-id": outgoing.key,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self._keys, outgoing.key, timestamp, content),
            "fleetlog-attempt": str(outgoing.attempt),
        }

    def _post(self, content: bytes, headers: dict[str, str], limit: Limit) -> HTTPResponse:
        connection = self._connect(limit)
        try:
            connection.request("POST", self._target.path, body=content, headers=headers)
            response = connection.getresponse()
        except ConnectionError:
            raise  # http.client has one that is both
        except HTTPException as error:
            raise FailedError(f"answered with no HTTP ({type(error).__name__})") from error
        self._drain(response)
        return response

    def _connect(self, limit: Limit) -> HTTPConnection:
        """Return the connection, a new one only to addresses that were checked."""
        if self._connection is not None and self._limited is not None:
            self._limited.limit = limit
            return self._connection
        secure, host, port, _ = self._target
        places = resolved(host, port, limit.left(CONNECT_SECONDS), private=self._private)
        plain = connected(places, limit, CONNECT_SECONDS)
        used = encrypted(plain, host, limit, CONNECT_SECONDS) if secure else plain
        connection = HTTPConnection(host, port)
        connection.default_port = 443 if secure else 80  # of which it does not speak in Host
        connection.auto_open = 0  # it must not connect by itself
        connection.sock = self._limited = LimitedSocket(used, limit, STEP_SECONDS)
        self._connection = connection
        return connection

    def _drain(self, response: HTTPResponse) -> None:
        """Read what else was said, so far as it is short; the answer itself is there already."""
        try:
            response.read(MOST_BYTES)
            kept = response.isclosed() and not response.will_close
        except (OSError, HTTPException):
            kept = False
        if not kept:
            response.close()
            self.close()


def judge(status: int, retry_after: str | None) -> None:
    """Return for what was delivered; raise what the engine makes of any other answer."""
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own
        return
    said = f"answered {status}"
    if status in NEVER:
        raise UndeliverableError(said)
    seconds = seconds_of(retry_after)
    if seconds is not None:
        raise PostponedError(said, seconds)
    if 300 <= status < 400:  # noqa: PLR2004 - HTTP's own
        raise FailedError(f"{said}: redirects are not followed")
    raise FailedError(said)


def seconds_of(retry_after: str | None) -> float | None:
    """Return how long a receiver asks us to wait, by a number or a date; None when it does not."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()
