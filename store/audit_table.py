"""The audit log's table: filled by a projection in store/read_models, asked by store/auditing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, String, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from store.projection import read_models

# Full text is what the words, the names of the fields and their values say. A tsvector holds a
# megabyte at most: where the values are very many, an entry is found by its words alone.
SEARCHED = (
    "(to_tsvector('simple', words) || case when length(changes::text) < 100000 "
    """then jsonb_to_tsvector('simple', changes, '["string", "numeric"]') else ''::tsvector end)"""
)
# An event of another system's history happened when that system says.
HAPPENED = "coalesce(occurred_at, at)"
# What people claim may be longer than an index entry can be.
ACTOR, CORRELATION = "left(actor, 255)", "left(correlation_id, 255)"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """
    One event in words: when, who, what, on which aggregate, and why.

    `actor` is who asked, as claimed; `db_user` and `db_host` are what the database saw itself.
    `changes` are fields with their values before and after; `***` stands for people's data.
    """

    position: int
    event_id: UUID
    at: datetime
    occurred_at: datetime | None
    actor: str | None
    db_user: str | None
    db_host: str | None
    aggregate_type: str
    aggregate_id: str
    sequence_number: int
    event_type: str
    schema_version: int
    words: str
    changes: list[dict[str, Any]]
    reason: str | None
    command_id: UUID | None
    correlation_id: str | None
    causation_id: str | None


audit_log = Table(
    "audit_log",
    read_models,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("occurred_at", DateTime(timezone=True)),
    Column("actor", Text),
    Column("db_user", Text),
    Column("db_host", Text),
    Column("aggregate_type", String(100), nullable=False),
    Column("aggregate_id", String(255), nullable=False),
    Column("sequence_number", BigInteger, nullable=False),
    Column("event_type", String(100), nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("words", Text, nullable=False),
    Column("changes", JSONB, nullable=False),
    Column("reason", Text),
    Column("command_id", Uuid),
    Column("correlation_id", Text),
    Column("causation_id", Text),
    Index("audit_log_actor", text(f"({ACTOR})"), "position"),
    Index("audit_log_aggregate", "aggregate_id", "position"),
    Index("audit_log_aggregate_type", "aggregate_type", "position"),
    Index("audit_log_event_type", "event_type", "position"),
    Index("audit_log_correlation", text(f"({CORRELATION})"), "position"),
    Index("audit_log_happened", text(f"({HAPPENED})"), "position"),
    Index("audit_log_text", text(SEARCHED), postgresql_using="gin"),
)
