"""The contenders of `append`: the same rows through the store, and as bare as the driver can."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from psycopg import sql

from benchmarks.stage import owner
from benchmarks.writers import Operation
from domain.users import CreateUser, UserCreated
from store.codec import Metadata, encode_event, encode_message
from store.engine import Connection, Database
from store.event_store import CommandRow, EventStore
from store.identity import uuid7

ADA: dict[str, str] = {
    "user_id": "0b6a7f5e-9d0c-4a51-8f0e-6f3b1d2c4e5f",
    "username": "ada.lovelace",
    "email": "ada.lovelace@analytical-engines.example.org",
}
EVENT = UserCreated(**ADA)
WHO = Metadata(actor="ada", correlation_id="5e8f1c1e-6c0a-4b57-9c52-6f1f0a9b7d11")
PAYLOAD = encode_message(CreateUser(**ADA), "CreateUser").decode()
EVENTS_A_STREAM = 1000

COLUMNS = sql.SQL(
    "(event_id, aggregate_id, aggregate_type, event_type, version, sequence_number, data, "
    "metadata, timestamp)"
)
TYPES = ("uuid", "text", "text", "text", "int4", "int8", "jsonb", "jsonb", "timestamptz")
ROW = sql.SQL("(%b, %b, %b, %b, %b, %b, %b::text::jsonb, %b::text::jsonb, clock_timestamp())")
Row: TypeAlias = tuple[UUID, str, str, str, int, int, str, str]


def places(events: int) -> Iterator[tuple[str, int]]:
    """Yield stream after stream, and where in it the next transaction's events begin."""
    while True:
        stream = str(uuid4())
        yield from ((stream, start) for start in range(0, EVENTS_A_STREAM, events))


def make(name: str, events: int, database_url: str, owner_url: str) -> Operation:
    """Return the operation of this name, over a connection of its own that is kept."""
    return MAKERS[name](events, database_url, owner_url)


def store(events: int, database_url: str, _: str) -> Operation:
    appended = EventStore(Database(database_url, pool_size=1)).append_events
    batch, place = [EVENT] * events, places(events)

    def append() -> object:
        stream, start = next(place)
        return appended(stream, start, batch, metadata=WHO)

    return append


def store_with_command(events: int, database_url: str, _: str) -> Operation:
    appended = EventStore(Database(database_url, pool_size=1)).append_events
    batch, place = [EVENT] * events, places(events)

    def append() -> object:
        stream, start = next(place)
        command = CommandRow(uuid4(), "CreateUser", PAYLOAD)
        return appended(stream, start, batch, metadata=WHO, command=command)

    return append


