"""How a worker reads the broker: what is no message at all is set aside instead of ending it."""

from queue import Empty
from typing import Any

import structlog
from kombu.transport import redis
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import loads
from redis import Redis
from redis.exceptions import ConnectionError as BrokerConnectionError
from redis.exceptions import RedisError, ResponseError

from store.storable import FORBIDDEN_IN_TEXT
from workers.dead_letters import letter, post

log = structlog.get_logger(__name__)

PLAIN = (None, "utf-8")
CODED = "base64"


class NotAMessageError(ValueError):
    """What lay in a queue does not look as kombu writes it; says where."""


class Client(Redis):
    """Passes on what kombu can read; everything else was popped, so it is kept at once."""

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        """Return the server's answer; one that is no message counts as none."""
        try:
            answer = super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]
        except ResponseError as error:
            if command_name != "BRPOP":
                raise
            # A replica after a failover says READONLY: to kombu no reason to connect anew.
            raise BrokerConnectionError(str(error)) from error
        if command_name == "BRPOP" and answer:
            key, item = answer
            queue = bytes_to_str(key).partition(redis.Channel.sep)[0]
            try:
                check(item)
            except NotAMessageError as error:
                post(letter(queue, str(error), item))
                return None
        return answer


class Channel(redis.Channel):
    """A channel with our client."""

    def _get_client(self) -> type[Redis]:
        return Client

    def _receive_one(self, *args: Any) -> Any:
        """Take news and orders for all; what is neither ends nobody."""
        try:
            return super()._receive_one(*args)  # type: ignore[misc]
        except (Empty, OSError, RedisError):
            raise
        except Exception as error:  # noqa: BLE001 - it was for everybody, and nobody's work
            log.error("news that nobody can read was passed over", reason=type(error).__name__)  # noqa: TRY400
            raise Empty from None

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - kombu's
        """
        Say of a connection that was given up that it is closed.

        Who acknowledges on it after all, or closes it twice, expects an error of connections.
        kombu stumbles over the missing address instead, and the worker ends.
        """
        if getattr(self.connection, "client", None) is None:
            raise BrokerConnectionError("the connection was given up")
        made: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc]  # not in the stubs
        return made


class Transport(redis.Transport):
    """The transport of a worker's consumer."""

    Channel = Channel


def check(item: bytes) -> None:
    """Raise NotAMessageError for what would end the loop that reads it."""
    try:
        payload = loads(bytes_to_str(item))
    except Exception as error:
        raise NotAMessageError(f"is no JSON: {type(error).__name__}") from error
    require(isinstance(payload, dict), "is no JSON object")
    require(isinstance(payload.get("headers"), dict), "has no headers")
    require(isinstance(payload.get("body"), str), "has no body")
    properties = payload.get("properties")
    require(isinstance(properties, dict), "has no properties")
    tag, info = properties.get("delivery_tag"), properties.get("delivery_info")
    require(isinstance(tag, str) and is_sendable(tag), "has no delivery tag")
    require(isinstance(info, dict), "has no delivery info")
    for part in ("exchange", "routing_key"):
        value = info.get(part)
        known = isinstance(value, str) and (value == "" or is_sendable(value))
        require(known, f"has no {part.replace('_', ' ')}")
    check_body(payload["body"], properties.get("body_encoding"))


def check_body(body: str, encoding: object) -> None:
    if encoding in PLAIN:
        return
    require(encoding == CODED, "has a body in an unknown encoding")
    try:
        redis.Channel.codecs[CODED].decode(body)
    except Exception as error:
        raise NotAMessageError("has a body that is not in its encoding") from error


def is_sendable(text: str) -> bool:
    """Whether it can be a key or a value in the broker, which takes bytes."""
    return text != "" and not FORBIDDEN_IN_TEXT.search(text)


def require(condition: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not condition:
        raise NotAMessageError(otherwise)
