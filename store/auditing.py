"""Asking the audit log: by actor, aggregate, type, time, full text and conversation, in pages."""

from datetime import datetime
from typing import Any
from uuid import UUID

from store.arrays import UuidArray
from store.audit_table import ACTOR, CORRELATION, HAPPENED, SEARCHED, AuditEntry
from store.engine import Connection

COLUMNS = ", ".join(AuditEntry.__slots__)
CONDITIONS = {
    "actor": f"{ACTOR} = left(%(actor)b::text, 255) and actor = %(actor)b::text",
    "aggregate_id": "aggregate_id = %(aggregate_id)b::text",
    "aggregate_type": "aggregate_type = %(aggregate_type)b::text",
    "event_type": "event_type = %(event_type)b::text",
    "since": f"{HAPPENED} >= %(since)b::timestamptz",
    "until": f"{HAPPENED} < %(until)b::timestamptz",
    "text": f"{SEARCHED} @@ websearch_to_tsquery('simple', %(text)b::text)",
    "correlation_id": (
        f"{CORRELATION} = left(%(correlation_id)b::text, 255) "
        "and correlation_id = %(correlation_id)b::text"
    ),
    "after_position": "position > %(after_position)b::bigint",
}
COMMAND_TYPES = """
select command_id, command_type from fleetlog.commands where command_id = any (%b)
"""


def page(  # noqa: PLR0913 - a filter each, all of them optional
    connection: Connection,
    *,
    actor: str | None = None,
    aggregate_id: str | None = None,
    aggregate_type: str | None = None,
    event_type: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    text: str | None = None,
    correlation_id: str | None = None,
    after_position: int | None = None,
    limit: int = 100,
) -> list[AuditEntry]:
    """
    Return the entries that fit all that is given, by position, the newest last.

    Without `after_position` these are the newest `limit` of them; with it the first `limit`
    behind that position, so that the last one's position leads to the next page, and 0 to the
    first. Times are when the events happened: `since` is included, `until` is not. `text` is
    searched like the web: all words, "a phrase", or, -not.
    """
    filters: dict[str, Any] = {
        "actor": actor,
        "aggregate_id": aggregate_id,
        "aggregate_type": aggregate_type,
        "event_type": event_type,
        "since": since,
        "until": until,
        "text": text,
        "correlation_id": correlation_id,
        "after_position": after_position,
    }
    given = {name: value for name, value in filters.items() if value is not None}
    query = question(given)
    # The plan depends on what is asked for, so none is kept.
    rows = connection.execute(query, {**given, "limit": limit}, binary=True, prepare=False)
    found = [AuditEntry(*row) for row in rows]
    return found if "after_position" in given else found[::-1]


def question(given: dict[str, Any]) -> str:
    """Return the query for these filters."""
    conditions = " and ".join(f"({CONDITIONS[name]})" for name in given) or "true"
    direction = "asc" if "after_position" in given else "desc"
    return (
        f"select {COLUMNS} from fleetlog_read_models.audit_log where {conditions} "  # noqa: S608 - our own words
        f"order by position {direction} limit %(limit)b::bigint"
    )


def command_types(connection: Connection, entries: list[AuditEntry]) -> dict[UUID, str]:
    """Return the types of the commands that these entries come from, as far as they are known."""
    ids = UuidArray.of(list({entry.command_id for entry in entries if entry.command_id}))
    return dict(connection.execute(COMMAND_TYPES, (ids,), binary=True).fetchall())
