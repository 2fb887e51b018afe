"""An AMQP exchange as the receiver, through kombu: one message an event, and confirmed."""

import ssl
from contextlib import suppress
from typing import Any, Literal
from urllib.parse import SplitResult, unquote

from kombu import Connection, Exchange, Producer
from pydantic import Field

from store.subscriptions import Secrets, Subscription
from workers.delivering.channel import FailedError, Outgoing, UndeliverableError
from workers.delivering.deadline import Deadline, cut
from workers.delivering.endpoints import endpoint_of
from workers.delivering.options import Line, ServerOptions, options_of
from workers.delivering.payload import CONTENT_TYPE, body
from workers.delivering.words import readable

SCHEMES = {"amqp": False, "amqps": True}
PERSISTENT = 2
FAREWELL_SECONDS = 1.0
SHORT = 255  # bytes of a short string in AMQP, such as a routing key
REFUSED, TOO_LARGE = 403, (406, 311)


class ExchangeOptions(ServerOptions):
    exchange: Line = Field(default="fleetlog", max_length=127)
    """The exchange to publish to."""
    exchange_type: Literal["topic", "headers"] = "topic"
    """A topic exchange routes by the routing key, a headers exchange by the headers."""
    declare: bool = True
    """Whether the exchange is made, durable, where it is missing."""
    mandatory: bool = True
    """Whether it is a failure when no queue takes the message; else it is gone."""


def channel(subscription: Subscription, secrets: Secrets) -> "ExchangeChannel":
    """Make the channel of one subscription; the newest secret is its password."""
    options = options_of(ExchangeOptions, subscription)
    url = endpoint_of(subscription, options, SCHEMES)
    return ExchangeChannel(url, secrets.newest, options)


class ExchangeChannel:
    """Publishes persistent messages whose id is the idempotency key."""

    def __init__(self, url: SplitResult, password: str | None, options: ExchangeOptions) -> None:
        self._options = options
        self._connection = connection(url, password, options)
        self._wire: Any = None  # the connection of py-amqp
        self._socket: Any = None
        self._producer: Producer | None = None
        self._returned: list[object] = []

    def send(self, outgoing: Outgoing) -> None:
        content = body(outgoing.event)
        with Deadline(2 * self._options.timeout, self._hang_up) as deadline:
            try:
                self._publish(self._opened(), outgoing, content)
            except Exception as error:
                # A late confirmation must not be taken for that of the next message.
                self._abandon()
                if isinstance(error, UndeliverableError | FailedError):
                    raise
                raise self._failure(error, given_up=deadline.over) from None

    def close(self) -> None:
        """Take leave where the broker still listens; a connection that broke is let go already."""
        if self._producer is not None:
            with Deadline(FAREWELL_SECONDS, self._hang_up), suppress(Exception):
                self._wire.close()
        self._abandon()

    def _opened(self) -> Producer:
        """Return a producer on a connection that is there, the one of before if it still is."""
        if self._producer is None or not self._is_there():
            self._abandon()
            # Once and at once: the connection's own way would wait and try again.
            self._wire = self._connection.transport.establish_connection()
            self._socket = self._wire.transport.sock
            channel = self._wire.channel()
            kind = self._options.exchange_type
            exchange = Exchange(self._options.exchange, type=kind, durable=True)(channel)
            if self._options.declare:
                exchange.declare()
            self._producer = Producer(
                channel, exchange=exchange, auto_declare=False, on_return=self._come_back
            )
        return self._producer

    def _is_there(self) -> bool:
        """Hear what the broker has said since the last message: perhaps its farewell."""
        try:
            self._wire.drain_events(timeout=0.001)
        except TimeoutError:
            return True
        except Exception:  # noqa: BLE001 - whatever it is, another connection is better
            return False
        return bool(self._wire.connected)

    def _publish(self, producer: Producer, outgoing: Outgoing, content: bytes) -> None:
        event = outgoing.event
        self._returned.clear()
        try:
            producer.publish(
                content,
                routing_key=routing_key(event.aggregate_type, event.event_type),
                headers={
                    "aggregate_type": event.aggregate_type,
                    "event_type": event.event_type,
                    "idempotency_key": outgoing.key,
                },
                content_type=CONTENT_TYPE,
                content_encoding="utf-8",
                delivery_mode=PERSISTENT,
                mandatory=self._options.mandatory,
                message_id=outgoing.key,
                timestamp=int(event.timestamp.timestamp()),
            )
        except Exception as error:
            if getattr(error, "reply_code", None) in TOO_LARGE:
                raise UndeliverableError(f"the broker refuses the message: {said(error)}") from None
            raise
        if self._returned:
            raise FailedError(
                f"no queue takes messages of {routing_key(event.aggregate_type, event.event_type)} "
                f"from the exchange {self._options.exchange}: bind one to it"
            )

    def _come_back(self, *returned: object) -> None:
        self._returned.append(returned)

    def _abandon(self) -> None:
        self._hang_up()
        with suppress(Exception):
            self._wire.collect()
        self._producer = self._wire = self._socket = None

    def _hang_up(self) -> None:
        cut(self._socket)

    def _failure(self, error: Exception, *, given_up: bool) -> FailedError:
        if given_up or isinstance(error, TimeoutError):
            return FailedError(
                f"the broker has not confirmed within {2 * self._options.timeout:g} s"
            )
        if getattr(error, "reply_code", None) == REFUSED:
            return FailedError(f"the broker refuses our user: {said(error)}")
        return FailedError(f"the broker has not taken the message: {said(error)}")


def connection(url: SplitResult, password: str | None, options: ExchangeOptions) -> Connection:
    """Describe the connection, piece by piece: a URL could say more than was looked at."""
    tls: dict[str, Any] | bool = False
    if url.scheme == "amqps":
        tls = {
            "cert_reqs": ssl.CERT_REQUIRED,
            "ca_certs": options.ca_file and str(options.ca_file),
            "server_hostname": url.hostname,
        }
    return Connection(
        hostname=url.hostname or "",
        port=url.port,
        userid=url.username and unquote(url.username),
        password=password,
        virtual_host=unquote(url.path[1:]) or "/",
        transport="pyamqp",
        ssl=tls,
        connect_timeout=options.timeout,
        transport_options={"confirm_publish": True},
    )


def routing_key(aggregate_type: str, event_type: str) -> str:
    """Return `Order.OrderShipped`; cut where AMQP has no room, which keeps `Order.#` matching."""
    return f"{aggregate_type}.{event_type}".encode()[:SHORT].decode(errors="ignore")


def said(error: Exception) -> str:
    code, text = getattr(error, "reply_code", None), getattr(error, "reply_text", None)
    if code and text:
        return readable(f"{code} {text}")
    return readable(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
