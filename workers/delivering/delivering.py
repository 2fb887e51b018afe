"""Delivering what the outboxes hold: under a lock for each subscription, rung for and ticked."""

from functools import partial

import structlog

from store.circuits import Circuit
from store.outbox import outbox_name
from store.subscriptions import UnknownSubscriptionError
from workers.delivering.channels import channel_for
from workers.delivering.crew import Crew
from workers.delivering.turn import Turn
from workers.doorbell import wake
from workers.fleet import fleet
from workers.lock import Extend
from workers.turns import take_turn

log = structlog.get_logger(__name__)


def deliver(name: str) -> bool:
    """Deliver what is due, as the subscription's only deliverer; returns whether there is more."""
    return take_turn(f"deliver:{name}", bell(name), partial(work_off, name))


def work_off(name: str, extend: Extend, deadline: float) -> bool:
    try:
        subscription = fleet.subscriptions.find(name)
    except UnknownSubscriptionError:
        log.info("the subscription is gone", subscription=name)
        return False
    circuit = fleet.circuits.state(subscription.circuit)
    if subscription.status == "paused" or circuit is Circuit.OPEN:
        return False
    make = partial(channel_for, subscription, fleet.subscriptions.secrets(name))
    with Crew(make, subscription.parallel, deadline) as crew:
        return Turn(subscription, crew, extend).run(circuit)


def tend() -> int:
    """Wake whatever has something to do; returns how many times we rang."""
    rung = 0
    for work in fleet.deliveries.work():
        if work.behind:
            outbox = outbox_name(work.name)
            rung += wake(outbox, "projections.advance", outbox)
        if work.due:
            rung += ring(work.name)
    return rung


def ring_if_due(name: str) -> None:
    """Wake the deliverer of an outbox that was filled just now."""
    if any(work.due for work in fleet.deliveries.work(name)):
        ring(name)


def ring(name: str) -> bool:
    return wake(bell(name), "deliveries.deliver", name)


def bell(name: str) -> str:
    return f"deliver:{name}"
