"""What the tables say about subscriptions and deliveries, asked as the reader."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from store.engine import Connection
from store.outbox import outbox_name
from store.subscribing import ALL, subscription
from store.subscriptions import Subscription
from workers.console.output import counted

STANDINGS = """
select s.name,
       (select count(*) from fleetlog.deliveries d
        where d.subscription = s.name and d.status = 'waiting')
       + (select count(*) from fleetlog.outbox o
          where o.subscription = s.name and o.global_sequence > k.taken_to) as waiting,
       (select count(*) from fleetlog.deliveries d
        where d.subscription = s.name and d.status = 'parked') as parked,
       coalesce(circuit.failures, 0), circuit.open_until
from fleetlog.subscriptions s
join fleetlog.delivery_cursors k on k.subscription = s.name
left join fleetlog.endpoint_circuits circuit on circuit.endpoint = s.kind || ' ' || s.endpoint
"""
FIELDS = """
select d.subscription, d.global_sequence, d.aggregate_id, e.aggregate_type, e.event_type,
       e.event_id, d.status, d.attempts, d.next_attempt_at, d.last_error, d.settled_at,
       d.skip_reason
from fleetlog.deliveries d join fleetlog.events e using (global_sequence)
where {status} and (%b::text is null or d.subscription = %b::text)
  and (%b::text is null or d.aggregate_id = %b::text)
order by d.global_sequence {direction} limit %b::bigint
"""
# Written out, so that each finds its index; what waits is told first to last, what is done last
# to first.
ROWS: Mapping[str | None, str] = {
    None: FIELDS.format(status="d.status in ('waiting', 'parked')", direction="asc"),
    **{
        status: FIELDS.format(status=f"d.status = '{status}'", direction=direction)
        for status, direction in (
            *(("waiting", "asc"), ("parked", "asc")),
            *(("delivered", "desc"), ("skipped", "desc")),
        )
    },
}


@dataclass(frozen=True)
class Standing:
    """How a subscription stands: what waits, what is parked, whether its endpoint is spared."""

    subscription: Subscription
    waiting: int
    parked: int
    failures: int
    open_until: datetime | None

    @property
    def name(self) -> str:
        return self.subscription.name

    @property
    def outbox(self) -> str:
        return outbox_name(self.name)

    @property
    def is_paused(self) -> bool:
        return self.subscription.status == "paused"

    @property
    def problem(self) -> str | None:
        """Say in a sentence what waits for a person, or None."""
        if not self.parked:
            return None
        return (
            f"{counted(self.parked, 'delivery', 'deliveries')} of {self.name} parked; look: "
            f"fleetlog deliveries --subscription {self.name} --status parked, then: "
            f"fleetlog retry --subscription {self.name}"
        )

    @property
    def warning(self) -> str | None:
        """Say what is as it is on purpose, or passes by itself, or None."""
        if self.is_paused:
            return f"{self.name} is paused; go on: fleetlog subscription resume {self.name}"
        if self.open_until is not None:
            failures = counted(self.failures, "attempt")
            return f"the endpoint of {self.name} is spared after {failures} that failed in a row"
        return None


class Row(NamedTuple):
    """One delivery, with what is known of its event beside the data."""

    subscription: str
    global_sequence: int
    aggregate_id: str
    aggregate_type: str
    event_type: str
    event_id: object
    status: str
    attempts: int
    next_attempt_at: datetime | None
    last_error: str | None
    settled_at: datetime | None
    skip_reason: str | None


def standings(connection: Connection) -> list[Standing]:
    """Return how all subscriptions stand, by name."""
    figures: dict[str, Any] = {
        name: rest for name, *rest in connection.execute(STANDINGS, binary=True)
    }
    found = [subscription(*row) for row in connection.execute(ALL, binary=True)]
    return [Standing(one, *figures[one.name]) for one in found if one.name in figures]


def document(of: Subscription) -> dict[str, Any]:
    """Return a subscription for a program; of its secrets there is nothing in it."""
    return {
        "name": of.name,
        "kind": of.kind,
        "endpoint": of.endpoint,
        "options": of.options,
        "event_types": sorted(of.event_types),
        "aggregate_types": sorted(of.aggregate_types),
        "status": of.status,
        "start_position": of.start_position,
        "created_at": of.created_at,
    }


def about(one: Standing) -> dict[str, Any]:
    """Return the same with how it stands."""
    return {
        **document(one.subscription),
        "waiting": one.waiting,
        "parked": one.parked,
        "failures_in_a_row": one.failures,
        "circuit_open_until": one.open_until,
    }
