"""Read models over many aggregates: whole tables beside a fold in plain Python."""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

from tests import plain_folds
from tests.chaos.evidence import Evidence
from tests.plain_folds import Fact

Table: TypeAlias = Mapping[Any, Any]
Fold: TypeAlias = Callable[[list[Fact]], Table]
Pairs: TypeAlias = Callable[[tuple[Any, ...]], tuple[Any, Any]]


class Whole(NamedTuple):
    """A table of a projection's: what is in it, as key and value, and what should be."""

    name: str
    table: str
    columns: str
    pairs: Pairs
    fold: Fold


def first(row: tuple[Any, ...]) -> tuple[Any, Any]:
    """The last column is told by all before it."""
    return row[:-1], row[-1]


def added_up(row: tuple[Any, ...]) -> tuple[Any, Any]:
    day, orders, value = row
    return (day,), (orders, Fraction(value))


def bucketed(row: tuple[Any, ...]) -> tuple[Any, Any]:
    return row[:2], row[2:]


def member(row: tuple[Any, ...]) -> tuple[Any, Any]:
    return row, True


def steps(past: list[Fact]) -> Table:
    names = ("OrderPlaced", "PaymentProcessed", "OrderShipped")
    taken = plain_folds.order_steps(past)
    return {(id,): tuple(times.get(name) for name in names) for id, times in taken.items()}


def alone(table: Table) -> Table:
    return {(key,): value for key, value in table.items()}


WHOLE = (
    Whole(
        "activity",
        "analytics_event_counts",
        "to_char(hour, 'YYYY-MM-DD HH24'), aggregate_type, event_type, events",
        first,
        plain_folds.event_counts,
    ),
    Whole(
        "activity",
        "analytics_active_users",
        "day::text, users",
        first,
        lambda past: alone(plain_folds.active_users(past)),
    ),
    Whole(
        "activity",
        "analytics_active_days",
        "day::text, actor",
        member,
        lambda past: dict.fromkeys(plain_folds.active_days(past), True),
    ),
    Whole(
        "deactivations",
        "analytics_deactivations",
        "day::text, reason, deactivations",
        first,
        plain_folds.deactivations,
    ),
    Whole(
        "order_figures",
        "analytics_order_values",
        "day::text, orders, value",
        added_up,
        lambda past: alone(plain_folds.order_values(past)),
    ),
    Whole(
        "order_figures",
        "analytics_order_times",
        "step, within, orders, seconds",
        bucketed,
        plain_folds.order_times,
    ),
    Whole(
        "order_figures",
        "analytics_order_steps",
        "order_id, placed_at, paid_at, shipped_at",
        lambda row: (row[:1], row[1:]),
        steps,
    ),
    Whole(
        "address_book",
        "address_read_model",
        "user_id, username, email",
        lambda row: (row[:1], row[1:]),
        lambda past: alone(plain_folds.addresses(past)),
    ),
    Whole(
        "address_book",
        "order_customer_read_model",
        "order_id, customer_id",
        first,
        lambda past: alone(plain_folds.customers(past)),
    ),
    Whole(
        "audit_log",
        "audit_known_values",
        "aggregate_id, known",
        first,
        lambda past: alone(plain_folds.known_values(past)),
    ),
)
AUDIT_LOG = "audit_log"


def check_whole_tables(evidence: Evidence) -> Iterator[str]:
    past = [Fact(*row) for row in evidence.rows(plain_folds.FACTS)]
    for one in WHOLE:
        if one.name in evidence.projections:
            rows = evidence.rows(f"select {one.columns} from fleetlog_read_models.{one.table}")
            found = dict(map(one.pairs, rows))
            yield from differences(f"{one.name} ({one.table})", one.fold(past), found)
    if AUDIT_LOG in evidence.projections:
        entries = dict(map(plain_folds.as_entry, evidence.rows(plain_folds.AUDIT_ENTRIES)))
        yield from differences(AUDIT_LOG, plain_folds.audit_entries(past), entries)


def differences(name: str, expected: Table, found: Table) -> Iterator[str]:
    for key in sorted(expected.keys() | found.keys(), key=str):
        if key not in found:
            yield f"{name} lacks {key}"
        elif key not in expected:
            yield f"{name} has {key}, which no event tells of"
        elif expected[key] != found[key]:
            yield f"{name} says of {key} {found[key]!r:.300} instead of {expected[key]!r:.300}"
