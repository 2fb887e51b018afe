"""A past that really was: two logs of other systems and an order load, copied into the store."""

import gzip
import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg

from tests.conftest import TestDatabase

DATA = Path(__file__).parents[3] / "shared" / "data"
LOGS = ("helpdesk", "permit")
ORDERS = "orders"
COPY = (
    "copy fleetlog.events (event_id, aggregate_id, aggregate_type, event_type, version, "
    "sequence_number, data, metadata, timestamp) from stdin"
)
EVENT_TYPES = {
    "PlaceOrder": "OrderPlaced",
    "ProcessPayment": "PaymentProcessed",
    "ShipOrder": "OrderShipped",
}


class Fact(NamedTuple):
    """One event of the past, before it has its place."""

    time: str
    kind: str
    id: str
    event_type: str
    data: dict[str, Any]
    metadata: dict[str, str]
    event_id: UUID


def lines(name: str) -> Iterator[dict[str, Any]]:
    """Yield what a file holds; nothing where the real data is not beside this checkout."""
    if (path := DATA / name).exists():
        with gzip.open(path, "rt") as packed:
            yield from map(json.loads, packed)


def of_log(name: str) -> Iterator[Fact]:
    for line in lines(f"{name}.cloudevents.jsonl.gz"):
        time, id = line["time"], UUID(line["id"])
        metadata = {"actor": line["actor"], "occurred_at": time, "correlation_id": line["subject"]}
        yield Fact(time, name, line["subject"], line["type"], line["data"], metadata, id)


def of_orders() -> Iterator[Fact]:
    for line in lines(f"{ORDERS}.commands.jsonl.gz"):
        id = line["data"]["order_id"]
        placed = line["command"] == "PlaceOrder"
        data = {k: v for k, v in line["data"].items() if placed or k != "order_id"}
        metadata = {"occurred_at": line["time"], "command_id": line["command_id"]}
        event_type = EVENT_TYPES[line["command"]]
        yield Fact(line["time"], "Order", id, event_type, data, metadata, uuid4())


def copy_in(database: TestDatabase, each: int | None = None) -> int:
    """Copy all three in the order of their times, or the first of each; returns how many."""
    sources = [*map(of_log, LOGS), of_orders()]
    facts = heapq.merge(*(first(each, source) for source in sources), key=lambda fact: fact.time)
    numbers: Counter[str] = Counter()
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        with connection.cursor().copy(COPY) as copy:
            for fact in facts:
                numbers[fact.id] += 1
                place = (fact.event_id, fact.id, fact.kind, fact.event_type, 1, numbers[fact.id])
                told = (json.dumps(fact.data), json.dumps(fact.metadata))
                copy.write_row((*place, *told, datetime.now(UTC)))
        connection.execute("analyze fleetlog.events")
    return numbers.total()


def first(number: int | None, facts: Iterable[Fact]) -> Iterator[Fact]:
    for count, fact in enumerate(facts):
        if number is not None and count >= number:
            return
        yield fact
