"""The outbox of a subscription: a pure fold that writes down which events are to be sent."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from store import schema
from store.projection import Key, Order, Projection, Rows
from store.recorded import RecordedEvent
from store.subscriptions import Subscription

PREFIX = "outbox:"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    subscription: str
    global_sequence: int
    event_id: UUID
    aggregate_id: str


class Outbox(Projection):
    """
    One for each subscription, made of its row and declared by no class.

    Each is a reader of its own, whose checkpoint begins where the subscription does. Rows are
    only ever added, in the order of their positions: that is what deliverers rely on, so nothing
    is parked here, and nothing folded again.
    """

    version = 1
    tables = {OutboxRow: schema.outbox}  # noqa: RUF012 - as every projection's
    order = Order.GLOBAL
    reads_metadata = True
    rebuilds = False

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.name = outbox_name(subscription.name)  # type: ignore[misc]  # one class for all
        self.aggregate_types = subscription.aggregate_types or None  # type: ignore[misc]

    def __eq__(self, other: object) -> bool:
        """Two that write the same rows; whether they are paused does not matter for that."""
        return isinstance(other, Outbox) and self._same_rows() == other._same_rows()

    def __hash__(self) -> int:
        return hash(self.name)

    def _same_rows(self) -> tuple[object, ...]:
        return (self.name, self.subscription.event_types, self.aggregate_types)

    def keys(self, event: RecordedEvent) -> Iterable[Key]:  # noqa: ARG002 - none is looked at
        """Return none: a row is written once, so nothing needs to be loaded before."""
        return ()

    def evolve(self, rows: Rows, event: RecordedEvent) -> Rows:  # noqa: ARG002 - likewise
        wanted, of = self.subscription.event_types, self.subscription.name
        if event.event_id is None or (wanted and event.event_type not in wanted):
            return {}
        row = OutboxRow(of, event.global_sequence, event.event_id, event.aggregate_id)
        return {(OutboxRow, of, event.global_sequence): row}


def outbox_name(subscription: str) -> str:
    """Return what the outbox of a subscription is called among projections."""
    return f"{PREFIX}{subscription}"


def subscription_of(projection: str) -> str | None:
    """Return whose outbox this is; None for any other projection."""
    return projection.removeprefix(PREFIX) if projection.startswith(PREFIX) else None
