"""Subscriptions at work in tests: filled and delivered by hand, and looked at from outside."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg

from domain.event import Event
from store.event_store import Expected
from store.subscribing import Start
from store.subscriptions import Subscription
from tests.fleets import TestFleet
from tests.toys import Rang
from workers import projecting
from workers.delivering.delivering import deliver
from workers.delivering.signing import new_secret
from workers.fleet import fleet

ROWS = """
select global_sequence, status, attempts from fleetlog.deliveries where subscription = %s order by 1
"""
OUTBOX = "select global_sequence from fleetlog.outbox where subscription = %s order by 1"
NO_REST = "update fleetlog.deliveries set next_attempt_at = now() where next_attempt_at is not null"
NO_PAUSE = "update fleetlog.endpoint_circuits set open_until = now() where open_until is not null"


@dataclass
class Subscribed:
    """One subscription of a fleet without workers; this process does what they would do."""

    fleet: TestFleet
    name: str
    secret: str
    prefix: str = ""
    """Set before the names of toys, where several tests share a fleet."""

    def append(self, toy_id: str, *notes: int) -> list[int]:
        """Ring a toy; returns the positions of the events."""
        return list(self.store(f"{self.prefix}{toy_id}", *(Rang(note=note) for note in notes)))

    def store(self, toy_id: str, *events: Event, type: str = "Toy") -> list[int]:
        made = fleet.store.append_events(toy_id, Expected.ANY, events, aggregate_type=type)
        return list(made.positions)

    def fill(self) -> None:
        while projecting.advance(f"outbox:{self.name}"):
            pass

    def deliver(self) -> bool:
        """Fill the outbox and take one turn at delivering."""
        self.fill()
        return deliver(self.name)

    def deliver_again(self) -> bool:
        """The same when all rests are over."""
        self.execute(NO_REST)
        return self.deliver()

    def probe(self) -> bool:
        """The same when the circuit has been open for long enough."""
        self.execute(NO_PAUSE)
        return self.deliver_again()

    def rows(self) -> list[tuple[int, str, int]]:
        """Return position, status and attempts of every delivery."""
        return self.ask(ROWS, self.name)

    def statuses(self) -> list[str]:
        return [status for _, status, _ in self.rows()]

    def outbox(self) -> list[int]:
        return [position for (position,) in self.ask(OUTBOX, self.name)]

    def ask(self, query: str, *parameters: Any) -> list[Any]:
        with psycopg.connect(self.fleet.database.admin_url, autocommit=True) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.fleet.database.admin_url, autocommit=True) as connection:
            connection.execute(statement.encode())


def subscribe(
    to: TestFleet, endpoint: str, name: str = "shop", start: Start = "start", **options: Any
) -> Subscribed:
    """Add a subscription to a receiver of ours, which is neither encrypted nor far away."""
    allowed = {"allow_http": True, "allow_private": True, **options}
    secret = new_secret()
    fleet.subscriptions.add(Subscription(name, "http", endpoint, allowed), start, secret)
    return Subscribed(to, name, secret)


@contextmanager
def subscribed(to: TestFleet, endpoint: str, **options: Any) -> Iterator[Subscribed]:
    """Lend one in a fleet that tests share: with toys of its own, and gone afterwards."""
    made = subscribe(to, endpoint, "shop", "now", **options)
    made.prefix = f"{uuid4().hex[:8]}."
    try:
        yield made
    finally:
        for one in fleet.subscriptions.all():
            fleet.subscriptions.remove(one.name, "a test")
        made.execute("delete from fleetlog.endpoint_circuits")
