"""The contenders of `append`: the same rows through the store, and as bare as the driver can."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import TypeAlias
from uuid import UUID, uuid4

from psycopg import sql

from benchmarks.stage import owner
from benchmarks.writers import Operation
from domain.users import CreateUser, UserCreated
from store.codec import Metadata, encode_event, encode_message
from store.engine import Connection, Database
from store.event_store import CommandRow, EventStore
from store.identity import uuid7

ADA = {
    "user_id": "0b6a7f5e-9d0c-4a51-8f0e-6f3b1d2c4e5f",
    "username": "ada.lovelace",
    "email": "ada.lovelace@analytical-engines.example.org",
}
EVENT = UserCreated(**ADA)
WHO = Metadata(actor="ada", correlation_id="5e8f1c1e-6c0a-4b57-9c52-6f1f0a9b7d11")
PAYLOAD = encode_message(CreateUser(**ADA), "CreateUser").decode()
# What the bare side stores: ready before the clock starts, so that only the driver is measured.
TYPE, VERSION, DATA = EVENT.event_type, EVENT.schema_version, encode_event(EVENT)[2].decode()
METADATA = '{"actor": "ada", "correlation_id": "5e8f1c1e-6c0a-4b57-9c52-6f1f0a9b7d11"}'
EVENTS_A_STREAM = 1000

COLUMNS = sql.SQL(
    "(event_id, aggregate_id, aggregate_type, event_type, version, sequence_number, data, "
    "metadata, timestamp)"
)
ROW = sql.SQL("(%b, %b, %b, %b, %b::int, %b::bigint, %b::text::jsonb, %b::text::jsonb, now())")
Row: TypeAlias = tuple[UUID, str, str, str, int, int, str, str]


def make(name: str, events: int, database_url: str, owner_url: str) -> Operation:
    """Return the operation of this name; a process keeps one connection for either side."""
    match name:
        case "store":
            return through_store(events, database_url, command=False)
        case "store, command":
            return through_store(events, database_url, command=True)
        case "insert":
            return bare_insert(events, owner_url, "fleetlog")
        case "insert, no trigger":
            return bare_insert(events, owner_url, "bare")
        case _:
            return bare_copy(events, owner_url)


@cache
def held_store(url: str) -> EventStore:
    return EventStore(Database(url, pool_size=1))


@cache
def held(url: str) -> Connection:
    return owner(url)


def places(events: int) -> Iterator[tuple[str, int]]:
    """Yield stream after stream, and where in it the next transaction's events begin."""
    while True:
        stream = str(uuid4())
        yield from ((stream, start) for start in range(0, EVENTS_A_STREAM, events))


def through_store(events: int, url: str, *, command: bool) -> Operation:
    append_events = held_store(url).append_events
    batch, free = [EVENT] * events, places(events)

    def append() -> None:
        row = CommandRow(uuid4(), "CreateUser", PAYLOAD) if command else None
        append_events(*next(free), batch, metadata=WHO, command=row)

    return append


def bare_insert(events: int, url: str, schema: str) -> Operation:
    """One statement in autocommit: prepared, its parameters in binary."""
    values = sql.SQL(", ").join([ROW] * events)
    statement = sql.SQL("insert into {} {} values {}").format(
        sql.Identifier(schema, "events"), COLUMNS, values
    )
    execute, free = held(url).execute, places(events)

    def append() -> None:
        execute(statement, [value for row in rows(*next(free), events) for value in row])

    return append


def bare_copy(events: int, url: str) -> Operation:
    statement = sql.SQL("copy fleetlog.events {} from stdin").format(COLUMNS)
    cursor, free = held(url).cursor(), places(events)

    def append() -> None:
        now = datetime.now(UTC)
        with cursor.copy(statement) as copy:
            for row in rows(*next(free), events):
                copy.write_row((*row, now))

    return append


def rows(stream: str, start: int, events: int) -> Iterator[Row]:
    for number in range(start + 1, start + events + 1):
        yield uuid7(), stream, "User", TYPE, VERSION, number, DATA, METADATA
