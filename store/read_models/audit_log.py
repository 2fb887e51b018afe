"""The audit log: one entry for each event, for people who ask "who did what, when, and why?"."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Column, String, Table
from sqlalchemy.dialects.postgresql import JSONB

from store.audit_table import AuditEntry, audit_log
from store.business_time import as_moment
from store.codec import Metadata
from store.projection import Key, Order, Projection, Rows, read_models
from store.read_models.audit_values import changes, class_of, named_alike, presentable
from store.read_models.audit_words import in_words
from store.recorded import RecordedEvent

known_values = Table(
    "audit_known_values",
    read_models,
    Column("aggregate_id", String(255), primary_key=True),
    Column("known", JSONB, nullable=False),
)


@dataclass(frozen=True, slots=True)
class KnownValues:
    """A helper: what the fields of an aggregate's events said last, people's data hidden."""

    aggregate_id: str
    known: dict[str, Any]


class Stamped(Metadata, frozen=True, kw_only=True):
    """Metadata with what the database stamped on it: its own witness beside the claims."""

    db_user: str | None = None
    db_host: str | None = None


STAMPED = msgspec.json.Decoder(Stamped)


class AuditLog(Projection, name="audit_log"):
    """
    Each row depends on one aggregate: an entry on its own event and on what was known of its
    aggregate, the helper row on the same. It reads every event, also of types nobody claims.
    """

    order = Order.AGGREGATE
    aggregate_types = None
    reads_metadata = True
    tables = {AuditEntry: audit_log, KnownValues: known_values}  # noqa: RUF012 - a class variable

    def keys(self, event: RecordedEvent) -> Iterable[Key]:
        return ((AuditEntry, event.global_sequence), (KnownValues, event.aggregate_id))

    def evolve(self, rows: Rows, event: RecordedEvent) -> Rows:
        cls = class_of(event)
        fields = presentable(event, cls)
        stamped = STAMPED.decode(event.metadata_json)
        entry, known = self.keys(event)
        before = rows.get(known)
        values = before.known if before else {}
        now = named_alike(fields)
        return {
            entry: entry_of(event, stamped, in_words(event, cls), changes(values, now), fields),
            known: KnownValues(event.aggregate_id, {**values, **now}),
        }


def entry_of(
    event: RecordedEvent,
    stamped: Stamped,
    words: str,
    changes: list[dict[str, Any]],
    fields: dict[str, Any],
) -> AuditEntry:
    if event.event_id is None:
        raise LookupError("an event without its id cannot be audited")
    return AuditEntry(
        position=event.global_sequence,
        event_id=event.event_id,
        at=event.timestamp,
        occurred_at=as_moment(stamped.occurred_at) if stamped.occurred_at else None,
        actor=stamped.actor,
        db_user=stamped.db_user,
        db_host=stamped.db_host,
        aggregate_type=event.aggregate_type,
        aggregate_id=event.aggregate_id,
        sequence_number=event.sequence_number,
        event_type=event.event_type,
        schema_version=event.version,
        words=words,
        changes=changes,
        reason=stamped.reason or reason_in(fields),
        command_id=as_uuid(stamped.command_id),
        correlation_id=stamped.correlation_id,
        causation_id=stamped.causation_id,
    )


def reason_in(fields: dict[str, Any]) -> str | None:
    """Return the reason that the event itself gives, where nobody gave another."""
    said = fields.get("reason")
    return said if isinstance(said, str) else None


def as_uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
