"""What a failed attempt leads to: a pause, or a place among the parked."""

import random

from store.deliveries import Deliveries
from store.subscriptions import Subscription
from workers.delivering.channel import (
    FailedError,
    NothingToSendError,
    PostponedError,
    UndeliverableError,
)
from workers.delivering.crew import Outcome

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
LONGEST_POSTPONED = 3600.0


def pause_after(attempts: int) -> float:
    """Return how long to rest after so many failures: up to twice as long each time, at random."""
    return random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempts, 20)))  # noqa: S311 - no secret


def note_failure(deliveries: Deliveries, subscription: Subscription, outcome: Outcome) -> None:
    """Write down what a failed attempt leads to."""
    outgoing, error, _ = outcome
    name, position = subscription.name, outgoing.event.global_sequence
    if isinstance(error, NothingToSendError):
        deliveries.nothing_to_send(name, position, error.reason)
    elif isinstance(error, PostponedError) and not error.counted:
        pause = within_bounds(error.seconds)
        deliveries.failed(name, position, error.reason, pause, counted=False)
    elif isinstance(error, UndeliverableError):
        deliveries.park(name, position, error.reason)
    elif outgoing.attempt >= subscription.attempts:
        deliveries.park(
            name, position, f"{said(error)}; given up after {outgoing.attempt} attempts"
        )
    else:
        pause = pause_after(outgoing.attempt)
        if isinstance(error, PostponedError):
            pause = max(pause, within_bounds(error.seconds))
        deliveries.failed(name, position, said(error), pause)


def within_bounds(seconds: float) -> float:
    """A receiver may ask us to wait, but not for ever."""
    return min(max(seconds, 0.0), LONGEST_POSTPONED)


def said(error: Exception | None) -> str:
    """Return an error for a person, with its kind where it is none of ours."""
    if isinstance(error, FailedError | NothingToSendError | PostponedError | UndeliverableError):
        return error.reason
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def endpoint_is_well(error: Exception | None) -> bool | None:
    """Return what an attempt says about the receiver; None when it says nothing."""
    if error is None or isinstance(error, UndeliverableError):
        return True  # it has answered; that it refuses one event is no trouble of its own
    if isinstance(error, NothingToSendError):
        return None
    if isinstance(error, PostponedError) and not error.counted:
        return None
    return False
