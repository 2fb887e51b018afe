"""
What a projection says of its order is true: else parking or splitting would make other rows.

One that commutes comes to the same rows however streams are shuffled against each other and
wherever batches end. One that depends on one aggregate only comes to them if each is folded alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from domain.event import Event
from domain.orders import OrderPlaced, OrderShipped, PaymentProcessed
from domain.users import UserCreated, UserDeactivated, UserEmailChanged, UserReactivated
from store.audit_table import AuditEntry
from store.codec import RawEvent
from store.projection import Key, Order, Projection, Rows
from store.read_models.analytics.activity import Activity
from store.read_models.analytics.deactivations import Deactivations
from store.read_models.analytics.order_figures import OrderFigures
from store.read_models.audit_log import AuditLog
from store.read_models.order_board import OrderBoard
from store.read_models.user_directory import UserDirectory
from store.recorded import RecordedEvent
from tests.unit.recording import NOON, after, folded, recorded

Told: TypeAlias = tuple[Event | RawEvent, dict[str, str], datetime]

OURS = (Activity(), AuditLog(), Deactivations(), OrderBoard(), OrderFigures(), UserDirectory())
totals = some.decimals(0, 10**6, places=2) | some.sampled_from([Decimal("1E+30"), Decimal("1E-9")])
order_steps = some.permutations(
    [PaymentProcessed(amount=Decimal(1)), OrderShipped(packages=("p",))]
)
user_facts = some.sampled_from(
    [
        UserDeactivated(reason="left"),
        UserDeactivated(reason="moved"),
        UserReactivated(),
        UserEmailChanged(new_email="new@example.org"),
    ]
)
raw_facts = some.builds(
    RawEvent,
    event_type=some.sampled_from(["Opened", "Closed"]),
    data=some.dictionaries(some.sampled_from(["a", "new_a", "b"]), some.integers(0, 3)),
)
metadata = some.fixed_dictionaries(
    {},
    optional={
        "actor": some.sampled_from(["ada", "bob", "user-0"]),
        "occurred_at": some.sampled_from(["2026-02-28T23:59:59Z", "2026-03-01T00:00:00Z", "soon"]),
    },
)
moments = some.integers(0, 40).map(lambda hours: after(hours=hours))


@some.composite
def lives(draw: some.DrawFn) -> list[Event | RawEvent]:
    """Draw one stream: of a user, an order or a ticket, now and then of one that is poison."""
    kind = draw(some.sampled_from(["user", "order", "ticket"]))
    if kind == "ticket":
        return list(draw(some.lists(raw_facts, min_size=1, max_size=4)))
    born: list[Event | RawEvent] = [
        OrderPlaced(order_id="o", items=("a",), total=draw(totals))
        if kind == "order"
        else UserCreated(user_id="u", username="u", email="u@example.org")
    ]
    steps = draw(order_steps if kind == "order" else some.lists(user_facts, max_size=4))
    ghost = draw(some.integers(0, 9)) == 0
    return [*([] if ghost else born), *steps]


@dataclass(frozen=True)
class Histories:
    """The same streams, put into two global orders."""

    one: list[RecordedEvent]
    other: list[RecordedEvent]


@some.composite
def histories(draw: some.DrawFn) -> Histories:
    streams = [
        [(fact, draw(metadata), draw(moments)) for fact in life]
        for life in draw(some.lists(lives(), min_size=1, max_size=5))
    ]
    turns = [number for number, stream in enumerate(streams) for _ in stream]
    one, other = draw(some.permutations(turns)), draw(some.permutations(turns))
    return Histories(in_order(streams, one), in_order(streams, other))


def in_order(streams: Sequence[Sequence[Told]], turns: Sequence[int]) -> list[RecordedEvent]:
    """Return the events in the order in which the streams take their turns."""
    left = [list(stream) for stream in streams]
    told = ((number, *left[number].pop(0)) for number in turns)
    return [
        recorded(fact, id=f"{kind_of(streams[number])}-{number}", position=n, at=at, **said)
        for n, (number, fact, said, at) in enumerate(told, start=1)
    ]


def kind_of(stream: Sequence[Told]) -> str:
    return "ticket" if isinstance(stream[0][0], RawEvent) else "ours"


def read_by(projection: Projection, events: list[RecordedEvent]) -> list[RecordedEvent]:
    return [event for event in events if projection.reads(event.aggregate_type)]


def comparable(rows: dict[Any, Any]) -> dict[Any, Any]:
    """Return rows by what stays when an event gets another position."""
    return {key: row for key, row in rows.items() if key[0] is not AuditEntry}


batches = some.lists(some.integers(1, 5), max_size=6)


@pytest.mark.parametrize("projection", OURS, ids=lambda one: one.name)
@given(told=histories(), some_sizes=batches, other_sizes=batches)
@settings(max_examples=60, deadline=None)
def test_a_shuffle_of_streams_and_batches_makes_no_other_rows(
    projection: Projection, told: Histories, some_sizes: list[int], other_sizes: list[int]
) -> None:
    assert projection.order is not Order.GLOBAL
    one = folded(projection, read_by(projection, told.one), some_sizes)
    other = folded(projection, read_by(projection, told.other), other_sizes)

    assert comparable(one) == comparable(other)


ALONE = [one for one in OURS if one.order is Order.AGGREGATE]


@pytest.mark.parametrize("projection", ALONE, ids=lambda one: one.name)
@given(told=histories())
@settings(max_examples=60, deadline=None)
def test_aggregates_folded_alone_make_the_rows_of_all_and_share_none(
    projection: Projection, told: Histories
) -> None:
    events = read_by(projection, told.one)
    ids = {event.aggregate_id for event in events}
    parts = [folded(projection, [e for e in events if e.aggregate_id == id]) for id in ids]

    assert sum(map(len, parts)) == len({key for part in parts for key in part})
    assert {key: row for part in parts for key, row in part.items()} == folded(projection, events)


def test_the_machine_of_this_test_would_notice_one_that_does_not_commute() -> None:
    events = [
        recorded(RawEvent(event_type=name, data={}), id=name, position=n, at=NOON)
        for n, name in enumerate(["Opened", "Closed"])
    ]

    assert folded(LastOne(), events) != folded(LastOne(), events[::-1])


class LastOne(Projection):
    """Which type came last in the whole store."""

    name, version, tables = "last_one", 1, {}
    aggregate_types = None
    order = Order.COMMUTES

    def keys(self, event: RecordedEvent) -> list[Key]:
        return [(str, event.version)]

    def evolve(self, rows: Rows, event: RecordedEvent) -> Rows:  # noqa: ARG002 - the signature
        return dict.fromkeys(self.keys(event), event.event_type)
