"""The user directory, folded by hand in bare psycopg: what `catch_up` is held against."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import msgspec

from store.engine import Connection

TABLES = """
create table bare.user_read_model (like fleetlog_read_models.user_read_model including all);
create table bare.projection_checkpoints (projection_name text primary key, position bigint)
"""
EMPTY = """
truncate bare.user_read_model, bare.projection_checkpoints;
insert into bare.projection_checkpoints values ('user_directory', 0)
"""
PAGE = (
    "select global_sequence, aggregate_id, event_type, version, timestamp, data::text "
    "from fleetlog.events where global_sequence > %b::bigint "
    "order by global_sequence limit %b::bigint"
)
FIELDS = ("user_id", "username", "email", "is_active", "created_at", "last_updated")
COLUMNS = ", ".join(FIELDS)
ROWS = f"select {COLUMNS} from bare.user_read_model where user_id = any(%b)"  # noqa: S608 - our own names
UPSERT = f"""
insert into bare.user_read_model ({COLUMNS})
select * from unnest(%b::text[], %b::text[], %b::text[], %b::boolean[], %b::timestamptz[],
                     %b::timestamptz[])
on conflict (user_id) do update
set username = excluded.username, email = excluded.email, is_active = excluded.is_active,
    created_at = excluded.created_at, last_updated = excluded.last_updated
"""  # noqa: S608 - our own names
MOVE = (
    "update bare.projection_checkpoints set position = %b::bigint "
    "where projection_name = 'user_directory' and position = %b::bigint"
)
Row: TypeAlias = dict[str, Any]
Page: TypeAlias = Sequence[tuple[Any, ...]]


def fold_all(connection: Connection, page_size: int) -> int:
    """Fold every event, page by page, rows and checkpoint in one transaction; returns how many."""
    connection.execute(EMPTY)
    position = folded = 0
    while page := connection.execute(PAGE, (position, page_size), binary=True).fetchall():
        with connection.transaction():
            connection.execute(MOVE, (page[-1][0], position), binary=True)
            rows = load(connection, {event[1] for event in page})
            connection.execute(UPSERT, columns(fold(rows, page)), prepare=False)
        position, folded = page[-1][0], folded + len(page)
    return folded


def load(connection: Connection, user_ids: Iterable[str]) -> dict[str, Row]:
    # Not prepared: a plan from when the table was empty would read all of it when it is full.
    found = connection.execute(ROWS, (list(user_ids),), binary=True, prepare=False).fetchall()
    return {row[0]: dict(zip(FIELDS, row, strict=True)) for row in found}


def fold(rows: dict[str, Row], page: Page) -> list[Row]:
    """Return the rows after these events; each touches its own user's."""
    for _, user_id, event_type, _, at, text in page:
        data = msgspec.json.decode(text)
        match event_type:
            case "UserCreated":
                name = data.get("username") or data["email"].partition("@")[0]
                created = (user_id, name, data["email"], True, at, at)
                rows[user_id] = dict(zip(FIELDS, created, strict=True))
                continue
            case "UserEmailChanged":
                rows[user_id]["email"] = data["new_email"]
            case "UserDeactivated":
                rows[user_id]["is_active"] = False
            case "UserReactivated":
                rows[user_id]["is_active"] = True
            case _:
                pass
        rows[user_id]["last_updated"] = at
    return list(rows.values())


def columns(rows: Sequence[Row]) -> list[list[Any]]:
    return [[row[name] for row in rows] for name in FIELDS]
