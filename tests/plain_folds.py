"""
Analytics, address book and audit log folded once more: from raw rows, in other words.

Nothing of the product's is used here but the names of its tables and columns.
"""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import psycopg

FACTS = (
    "select global_sequence, event_id::text, aggregate_id, aggregate_type, event_type, version, "
    "sequence_number, timestamp, data, metadata from fleetlog.events order by global_sequence"
)
# What the audit log says, but its words.
AUDIT_ENTRIES = """
select position, event_id::text, aggregate_type, aggregate_id, sequence_number, event_type,
       schema_version, at, occurred_at, actor, db_user, db_host, reason, command_id::text,
       correlation_id, causation_id, changes
from fleetlog_read_models.audit_log
"""
PEOPLES = {"username", "email", "new_email", "password_hash"}
BOUNDS = [
    ("1 second", 1),
    ("10 seconds", 10),
    ("1 minute", 60),
    ("10 minutes", 600),
    ("1 hour", 3600),
    ("6 hours", 21_600),
    ("1 day", 86_400),
    ("3 days", 259_200),
    ("1 week", 604_800),
    ("2 weeks", 1_209_600),
    ("30 days", 2_592_000),
    ("90 days", 7_776_000),
]


class Fact(NamedTuple):
    """A row of `events`."""

    position: int
    event_id: str
    id: str
    kind: str
    type: str
    version: int
    number: int
    timestamp: datetime
    data: dict[str, Any]
    metadata: dict[str, str]

    @property
    def when(self) -> datetime:
        said = self.metadata.get("occurred_at")
        return datetime.fromisoformat(said) if said else self.timestamp

    @property
    def day(self) -> str:
        return self.when.astimezone(UTC).strftime("%Y-%m-%d")


def facts(url: str) -> list[Fact]:
    """Return all events of a database, as its owner sees them."""
    with psycopg.connect(url) as connection:
        return [Fact(*row) for row in connection.execute(FACTS)]


def event_counts(past: list[Fact]) -> Counter[tuple[Any, ...]]:
    return Counter((f.when.astimezone(UTC).strftime("%Y-%m-%d %H"), f.kind, f.type) for f in past)


def active_users(past: list[Fact]) -> Counter[str]:
    return Counter(day for day, _ in active_days(past))


def active_days(past: list[Fact]) -> set[tuple[str, str]]:
    return {(f.day, f.metadata.get("actor") or f.id) for f in past if is_somebodys(f)}


def is_somebodys(fact: Fact) -> bool:
    return bool(fact.metadata.get("actor")) or fact.kind == "User"


def deactivations(past: list[Fact]) -> Counter[tuple[str, str]]:
    return Counter((f.day, f.data["reason"]) for f in past if f.type == "UserDeactivated")


def order_values(past: list[Fact]) -> dict[str, tuple[int, Fraction]]:
    found: dict[str, tuple[int, Fraction]] = {}
    placed: set[str] = set()
    for fact in past:
        if fact.type == "OrderPlaced" and fact.id not in placed:
            placed.add(fact.id)
            orders, value = found.get(fact.day, (0, Fraction()))
            found[fact.day] = (orders + 1, value + Fraction(fact.data["total"]))
    return found


def order_times(past: list[Fact]) -> dict[tuple[str, str], tuple[int, Decimal]]:
    found: dict[tuple[str, str], list[timedelta]] = defaultdict(list)
    for times in order_steps(past).values():
        for step, name in (("paid", "PaymentProcessed"), ("shipped", "OrderShipped")):
            if name in times:
                took = times[name] - times["OrderPlaced"]
                found[step, bucket(took.total_seconds())].append(took)
    return {key: (len(all_), exactly(sum(all_, timedelta()))) for key, all_ in found.items()}


def order_steps(past: list[Fact]) -> dict[str, dict[str, datetime]]:
    """Return when each step of an order was taken first."""
    first: dict[str, dict[str, datetime]] = defaultdict(dict)
    for fact in past:
        if fact.kind == "Order":
            first[fact.id].setdefault(fact.type, fact.when)
    return first


def bucket(seconds: float) -> str:
    if seconds < 0:
        return "earlier"
    return next((name for name, most in BOUNDS if seconds <= most), "longer")


def exactly(time: timedelta) -> Decimal:
    return Decimal((time.days * 86_400 + time.seconds) * 10**6 + time.microseconds) / 10**6


def addresses(past: list[Fact]) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for fact in past:
        if fact.type == "UserCreated":
            found[fact.id] = (fact.data["username"], fact.data["email"])
        elif fact.type == "UserEmailChanged":
            found[fact.id] = (found[fact.id][0], fact.data["new_email"])
    return found


def customers(past: list[Fact]) -> dict[str, str]:
    placed = [fact for fact in past if fact.type == "OrderPlaced"]
    return {f.id: f.data["customer_id"] for f in placed if f.data.get("customer_id") is not None}


def audit_entries(past: list[Fact]) -> dict[int, tuple[Any, ...]]:
    """Return what each entry should say but its words."""
    last: dict[str, dict[str, Any]] = defaultdict(dict)
    found: dict[int, tuple[Any, ...]] = {}
    for fact in past:
        now = shown(fact)
        changes = [(name, last[fact.id].get(name), value) for name, value in now.items()]
        last[fact.id] |= now
        found[fact.position] = (*told(fact), sorted(changes, key=str))
    return found


def known_values(past: list[Fact]) -> dict[str, dict[str, Any]]:
    """Return what the fields of each aggregate's events said last."""
    last: dict[str, dict[str, Any]] = defaultdict(dict)
    for fact in past:
        last[fact.id] |= shown(fact)
    return dict(last)


def shown(fact: Fact) -> dict[str, Any]:
    """Return an event's fields under the names of what they change, people's data hidden."""
    return {
        "email" if field == "new_email" else field: "***" if field in PEOPLES else value
        for field, value in fact.data.items()
    }


def as_entry(row: tuple[Any, ...]) -> tuple[int, tuple[Any, ...]]:
    """Return a row of `AUDIT_ENTRIES` as `audit_entries` tells of it."""
    position, *rest, changes = row
    said = sorted(((one["field"], one["old"], one["new"]) for one in changes), key=str)
    return position, (*rest, said)


def told(fact: Fact) -> tuple[Any, ...]:
    said = fact.metadata
    place = (fact.event_id, fact.kind, fact.id, fact.number, fact.type, fact.version)
    who = (said.get("actor"), said.get("db_user"), said.get("db_host"))
    why = (said.get("reason") or fact.data.get("reason"), said.get("command_id"))
    talk = (said.get("correlation_id"), said.get("causation_id"))
    occurred = fact.when if said.get("occurred_at") else None
    return (*place, fact.timestamp, occurred, *who, *why, *talk)
