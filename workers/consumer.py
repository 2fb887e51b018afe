"""A worker's consumer that loses no message: what it cannot take is set aside and counted."""

from collections.abc import Callable
from typing import Any

from celery import signals
from celery.exceptions import InvalidTaskError
from celery.worker.consumer import Consumer as CeleryConsumer
from kombu.exceptions import ContentDisallowed, DecodeError
from kombu.transport import redis
from kombu.utils.encoding import str_to_bytes
from kombu.utils.json import dumps
from redis.exceptions import ConnectionError as BrokerConnectionError
from redis.exceptions import RedisError, ResponseError

from workers.dead_letters import Acknowledged, letter, post
from workers.judging import refused
from workers.transport import Transport

FAULTS = {
    ContentDisallowed: "is of a content type that is not accepted",
    DecodeError: "has a body that cannot be decoded",
    InvalidTaskError: "has fields that do not fit a task",
}


class Consumer(CeleryConsumer):
    """
    Takes what it understands; what it does not is kept among the dead letters.

    Celery would log such a message, with all that it says, and acknowledge it.
    """

    class Blueprint(CeleryConsumer.Blueprint):  # type: ignore[misc, valid-type]  # the stubs' Any
        """The parts of a consumer, with our heartbeat instead of Celery's."""

        default_steps = [  # noqa: RUF012 - a class attribute in Celery as well
            "workers.heart:Heart" if step == "celery.worker.consumer.heart:Heart" else step
            for step in CeleryConsumer.Blueprint.default_steps
        ]

    def connection_for_read(self, heartbeat: Any = None) -> Any:
        """Connect as Celery does, through our transport where that is Redis."""
        connection = self.app.connection_for_read(heartbeat=heartbeat)
        if connection.get_transport_cls() is redis.Transport:
            connection.transport_cls = Transport  # type: ignore[assignment]  # a class does as well
        return self.ensure_connected(connection)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        """Return what takes every message; it raises only what the broker is to blame for."""
        handle = super().create_task_handler(*args, **kwargs)

        def on_task_received(message: Any) -> None:
            try:
                refusal = refused(message)
                if refusal is None:
                    handle(message)
                    return
            except ResponseError as error:  # the broker refuses; to kombu no reason to reconnect
                raise BrokerConnectionError(str(error)) from error
            except (OSError, RedisError):
                raise
            except Exception as error:  # noqa: BLE001 - a message must not end the worker
                refusal = fault(error)
            self.set_aside(message, refusal)

        return on_task_received

    def on_unknown_message(self, body: Any, message: Any) -> None:  # noqa: ARG002
        self.set_aside(message, "is no task message")

    def on_unknown_task(self, body: Any, message: Any, exc: Any) -> None:  # noqa: ARG002
        self.set_aside(message, "is for a task that is not known here")

    def on_invalid_task(self, body: Any, message: Any, exc: Any) -> None:  # noqa: ARG002
        self.set_aside(message, fault(exc))

    def on_decode_error(self, message: Any, exc: Any) -> None:
        self.set_aside(message, fault(exc))

    def set_aside(self, message: Any, reason: str) -> None:
        """Keep a message and acknowledge it; nothing of what it says is logged."""
        if message.acknowledged:
            return
        channel, info = message.channel, message.delivery_info or {}
        raw = str_to_bytes(dumps(message._raw))  # noqa: SLF001 - kombu has it nowhere else
        task = (message.headers or {}).get("task")
        post(
            letter(str(info.get("routing_key", "")), reason, raw, task),
            acknowledging=Acknowledged(
                channel.unacked_key, channel.unacked_index_key, message.delivery_tag
            ),
        )
        message.ack()
        signals.task_rejected.send(sender=self, message=message, exc=None)


def fault(error: Exception) -> str:
    """Say in which way a message is no good; the error's own words may quote from it."""
    for kind, words in FAULTS.items():
        if isinstance(error, kind):
            return words
    return f"cannot be taken: {type(error).__name__}"
