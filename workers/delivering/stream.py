"""A Redis or Valkey stream as the receiver: one entry an event."""

from typing import Any

from pydantic import Field
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    RedisError,
    ResponseError,
    TimeoutError,
)
from redis.retry import Retry

from store.subscriptions import Secrets, Subscription
from workers.delivering.channel import FailedError, Outgoing
from workers.delivering.endpoints import endpoint_of
from workers.delivering.options import Line, ServerOptions, options_of
from workers.delivering.payload import body
from workers.delivering.words import readable
from workers.keepalive import kept_alive

SCHEMES = {"redis": False, "rediss": True, "unix": True}


class StreamOptions(ServerOptions):
    stream: Line = "fleetlog"
    """The key of the stream."""
    maxlen: int | None = Field(default=None, ge=1)
    """About how many entries the stream keeps, and never fewer; None: all."""


def channel(subscription: Subscription, secrets: Secrets) -> "StreamChannel":
    """Make the channel of one subscription; the newest secret is its password."""
    options = options_of(StreamOptions, subscription)
    url = endpoint_of(subscription, options, SCHEMES)
    trusted: dict[str, Any] = {}
    if url.scheme == "rediss" and options.ca_file:
        trusted["ssl_ca_certs"] = str(options.ca_file)
    return StreamChannel(
        Redis.from_url(
            subscription.endpoint,
            password=secrets.newest,
            socket_timeout=options.timeout,
            socket_connect_timeout=options.timeout,
            # Trying again is the deliverer's, who counts: an XADD that nobody answered may be done.
            retry=Retry(NoBackoff(), 0),
            **kept_alive(subscription.endpoint),
            **trusted,
        ),
        options,
    )


class StreamChannel:
    """Adds entries of two fields: `idempotency_key`, and `event` with the CloudEvent as JSON."""

    def __init__(self, redis: Redis, options: StreamOptions) -> None:
        self._redis = redis
        self._options = options

    def send(self, outgoing: Outgoing) -> None:
        entry: dict[Any, Any] = {"idempotency_key": outgoing.key, "event": body(outgoing.event)}
        try:
            self._redis.xadd(self._options.stream, entry, maxlen=self._options.maxlen)
        except RedisError as error:
            # Without the cause: its text may quote the entry.
            raise FailedError(sentence(error, self._options.timeout)) from None

    def close(self) -> None:
        self._redis.close()


def sentence(error: RedisError, seconds: float) -> str:
    """Say what went wrong; what the server quotes may be the event, and is left out."""
    match error:
        case TimeoutError():
            return f"the stream's server has not answered within {seconds:g} s"
        case AuthenticationError() | NoPermissionError():
            return "the stream's server refuses our user or its password, or lets it do too little"
        case ResponseError():
            said = readable(str(error).partition("'")[0].partition("`")[0])
            return f"the stream's server refuses the entry: {said}"
        case _:
            return f"the stream's server is out of reach: {readable(error)}"
