"""The analytics model, event by event: what is counted, when, and as whose doing."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from domain.orders import OrderPlaced, OrderShipped, PaymentProcessed
from domain.users import UserCreated, UserDeactivated, UserReactivated
from store.business_time import as_moment
from store.codec import RawEvent
from store.errors import UnknownEventError
from store.read_models.analytics.activity import ActiveDay, ActiveUsers, Activity, EventCount
from store.read_models.analytics.buckets import EARLIER
from store.read_models.analytics.deactivations import DeactivationCount, Deactivations
from store.read_models.analytics.order_figures import OrderFigures, OrderTime, OrderValue
from tests.unit.recording import NOON, after, folded, of, recorded

CREATED = UserCreated(user_id="bob", username="b", email="b@example.org")
LEFT = UserDeactivated(reason="left")
PLACED = OrderPlaced(order_id="o", items=("a",), total=Decimal("10.10"))
PAID = PaymentProcessed(amount=Decimal("10.10"))
SHIPPED = OrderShipped(packages=("p",))
OPENED = RawEvent(event_type="Opened", data={})
TODAY = NOON.date()
ZERO = Decimal(0)


def test_events_are_counted_by_type_and_hour_also_those_that_no_class_knows() -> None:
    melted = RawEvent(event_type="Melted", data={})
    rows = folded(
        Activity(),
        [
            recorded(OPENED, at=after(minutes=59)),
            recorded(OPENED, at=after(minutes=1)),
            recorded(OPENED, at=after(minutes=60)),
            recorded(melted, kind="User"),
        ],
    )

    assert of(rows, EventCount) == [
        EventCount(NOON, "Ticket", "Opened", 2),
        EventCount(NOON, "User", "Melted", 1),
        EventCount(after(hours=1), "Ticket", "Opened", 1),
    ]


def test_a_person_who_acts_often_is_one_active_user_a_day() -> None:
    late = NOON.replace(hour=23, minute=59)
    rows = folded(
        Activity(),
        [
            recorded(OPENED, actor="ada"),
            recorded(PLACED, id="o", actor="ada", at=late),
            recorded(OPENED, actor="eve"),
            recorded(OPENED, actor="ada", at=late + timedelta(minutes=1)),
        ],
    )

    assert of(rows, ActiveUsers) == [
        ActiveUsers(TODAY, 2),
        ActiveUsers(TODAY + timedelta(days=1), 1),
    ]


def test_active_is_who_acted_and_the_user_only_where_nobody_else_is_named() -> None:
    rows = folded(
        Activity(),
        [
            recorded(LEFT, id="bob", actor="the boss"),
            recorded(CREATED, id="kim"),
            recorded(LEFT, id="ann", actor=""),
            recorded(PLACED, id="o"),
        ],
    )

    assert {row.actor for row in of(rows, ActiveDay)} == {"the boss", "kim", "ann"}
    assert of(rows, ActiveUsers) == [ActiveUsers(TODAY, 3)]


def test_a_name_too_long_for_an_index_is_counted_by_its_digest() -> None:
    rows = folded(Activity(), [recorded(OPENED, actor=end * 5000) for end in "aab"])

    assert of(rows, ActiveUsers) == [ActiveUsers(TODAY, 2)]
    assert {len(row.actor) for row in of(rows, ActiveDay)} == {len("sha256:") + 64}


def test_imported_history_is_counted_when_it_happened_in_utc() -> None:
    rows = folded(Activity(), [recorded(OPENED, occurred_at="2012-01-01T00:30:00+02:00")])

    (counted,) = of(rows, EventCount)
    assert counted.hour == datetime(2011, 12, 31, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2010-01-13T08:40:25Z", datetime(2010, 1, 13, 8, 40, 25, tzinfo=UTC)),
        ("2010-01-13t08:40:25.5z", datetime(2010, 1, 13, 8, 40, 25, 500_000, tzinfo=UTC)),
        ("2010-01-13T08:40:25", datetime(2010, 1, 13, 8, 40, 25, tzinfo=UTC)),
        ("yesterday", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("", None),
    ],
)
def test_a_time_is_read_as_iso_8601_has_it(text: str, moment: datetime | None) -> None:
    assert as_moment(text) == moment


def test_an_event_whose_time_is_none_happened_when_it_was_stored() -> None:
    (counted,) = of(folded(Activity(), [recorded(OPENED, occurred_at="soon")]), EventCount)

    assert counted.hour == NOON


def test_deactivations_are_counted_by_day_and_reason() -> None:
    long = "x" * 300
    facts = [CREATED, LEFT, UserReactivated(), LEFT, UserDeactivated(reason=long)]
    rows = folded(Deactivations(), [recorded(fact) for fact in facts])

    assert of(rows, DeactivationCount) == [
        DeactivationCount(TODAY, "left", 2),
        DeactivationCount(TODAY, "x" * 200, 1),
    ]


def test_a_users_event_that_no_class_knows_might_be_a_deactivation() -> None:
    with pytest.raises(UnknownEventError, match="UserVanished"):
        folded(
            Deactivations(), [recorded(RawEvent(event_type="UserVanished", data={}), kind="User")]
        )


def test_order_values_are_added_up_exactly_for_the_day_they_were_placed_on() -> None:
    huge, tiny = Decimal("1E+40"), Decimal("0.0000000001")
    totals = [Decimal("0.10"), Decimal("0.20"), huge, tiny]
    placed = [OrderPlaced(order_id="o", items=("a",), total=total) for total in totals]
    events = [recorded(fact, id=f"o{n}") for n, fact in enumerate(placed)]
    events.append(recorded(PLACED, id="later", occurred_at="2026-03-02T00:00:00Z"))
    rows = folded(OrderFigures(), events)

    assert of(rows, OrderValue) == [
        OrderValue(TODAY, 4, Decimal("10000000000000000000000000000000000000000.3000000001")),
        OrderValue(date(2026, 3, 2), 1, Decimal("10.10")),
    ]


def steps(*events: tuple[OrderPlaced | PaymentProcessed | OrderShipped, int]) -> list[OrderTime]:
    """Return what becomes of one order; each event some minutes after noon."""
    order = [recorded(fact, id="o", at=after(minutes=later)) for fact, later in events]
    return of(folded(OrderFigures(), order, sizes=[1, 1]), OrderTime)


def test_an_order_counts_as_paid_and_shipped_in_the_buckets_its_times_fit() -> None:
    assert steps((PLACED, 0), (PAID, 5), (SHIPPED, 90)) == [
        OrderTime("paid", "10 minutes", 1, Decimal(300)),
        OrderTime("shipped", "6 hours", 1, Decimal(5400)),
    ]


def test_both_times_run_from_the_placing_also_when_it_is_shipped_before_it_is_paid() -> None:
    assert steps((PLACED, 0), (SHIPPED, 90), (PAID, 95)) == [
        OrderTime("paid", "6 hours", 1, Decimal(5700)),
        OrderTime("shipped", "6 hours", 1, Decimal(5400)),
    ]


def test_no_time_at_all_is_a_time_and_less_than_none_does_not_hide() -> None:
    assert steps((PLACED, 0), (PAID, 0), (SHIPPED, -1)) == [
        OrderTime("paid", "1 second", 1, ZERO),
        OrderTime("shipped", EARLIER, 1, Decimal(-60)),
    ]


def test_a_step_counts_once_its_first_time() -> None:
    twice = [*steps((PLACED, 0), (PAID, 5), (PAID, 90), (SHIPPED, 5), (SHIPPED, 90))]

    assert [(row.within, row.orders) for row in twice] == [("10 minutes", 1)] * 2
    assert steps((PLACED, 0), (PLACED, 4), (PAID, 5)) == steps((PLACED, 0), (PAID, 5))


def test_an_order_that_was_never_placed_waits_for_none_and_is_set_aside() -> None:
    rows = folded(
        OrderFigures(),
        [
            recorded(PAID, id="ghost"),
            recorded(PLACED, id="ghost"),
            recorded(PLACED, id="o"),
        ],
        sizes=[1],
    )

    assert of(rows, OrderTime) == []
    assert of(rows, OrderValue) == [OrderValue(TODAY, 1, Decimal("10.10"))]
