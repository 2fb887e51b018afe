"""The shape of a channel: what takes one event of an outbox to one receiver."""

from dataclasses import dataclass
from typing import Protocol

from store.recorded import RecordedEvent

# What a person sends to see whether a receiver is reached; nothing has happened, nothing is stored.
TEST_AGGREGATE, TEST_EVENT = "Fleetlog", "SubscriptionTested"


@dataclass(frozen=True)
class Outgoing:
    """An event on its way, with its `event_id` and metadata; `attempt` counts from 1."""

    event: RecordedEvent
    subscription: str
    attempt: int = 1

    @property
    def is_test(self) -> bool:
        return (self.event.aggregate_type, self.event.event_type) == (TEST_AGGREGATE, TEST_EVENT)

    @property
    def key(self) -> str:
        """The idempotency key: the same at every attempt, and for no other delivery."""
        return f"{self.event.event_id}:{self.subscription}"


class Channel(Protocol):
    """
    Takes events to one receiver, one at a time.

    A channel is made by the function that its kind has in `channels.py`, which connects to
    nothing and raises InvalidSubscriptionError, naming the field, for an endpoint or options
    that cannot be right. It belongs to one thread; each thread that delivers makes its own,
    and may keep a connection in it from one event to the next.
    """

    def send(self, outgoing: Outgoing) -> None:
        """
        Return once the receiver has it for certain. Whatever is raised, it counts as not sent.

        NothingToSendError skips the delivery, UndeliverableError parks it at once, PostponedError
        says when to come back; FailedError, and any other exception, is a failure that is tried
        again. Its text is shown to people, so it quotes neither secrets nor what the event holds.
        What leaves is made by `payload.py`, which hides secret fields. No call takes longer than
        some 20 seconds.
        """

    def close(self) -> None:
        """Let go of the connection; called also after a failure, and never raises."""


@dataclass(eq=False)
class FailedError(Exception):
    """An attempt that failed, in words that are shown as they are."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class NothingToSendError(Exception):
    """This event is none of the receiver's concern; the reason is kept, nobody needs to decide."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class UndeliverableError(Exception):
    """The receiver will never take this; a person decides."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class PostponedError(Exception):
    """
    The receiver, or a limit of our own, asks to come back after so many seconds.

    `counted` says whether this was an attempt that failed (a receiver in trouble), or no
    attempt at all (a rate limit of ours).
    """

    reason: str
    seconds: float
    counted: bool = True

    def __str__(self) -> str:
        return f"{self.reason}; come back in {self.seconds:.0f} s"
