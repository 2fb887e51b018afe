"""The outboxes among the projections: found in the table of subscriptions, not in the code."""

import time

import psycopg
import structlog
from sqlalchemy.exc import DBAPIError

from store.outbox import Outbox, subscription_of
from store.projection import Projection
from workers.fleet import fleet

log = structlog.get_logger(__name__)

# A doorbell must not ask the database each time; the beat comes by for one added just now.
KNOWN_SECONDS = 2.0


def outbox(name: str) -> Outbox:
    """Return the outbox of this name; raises UnknownSubscriptionError."""
    return Outbox(fleet.subscriptions.find(subscription_of(name) or name))


def is_paused(projection: Projection) -> bool:
    return isinstance(projection, Outbox) and projection.subscription.status == "paused"


def active() -> tuple[Outbox, ...]:
    """Return those to ring for, as they were a moment ago; none while the database is away."""
    known = fleet.known_outboxes
    if time.monotonic() >= known.until:
        try:
            found = fleet.subscriptions.all()
        except (psycopg.Error, DBAPIError) as error:
            log.info("no outbox is rung for, the beat will come by", error=type(error).__name__)
            return ()
        known.outboxes = tuple(Outbox(one) for one in found if one.status == "active")
        known.until = time.monotonic() + KNOWN_SECONDS
    return known.outboxes
