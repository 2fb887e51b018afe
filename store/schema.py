"""The core tables as SQLAlchemy sees them; the migrations make them, a test compares the two."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

CORE_SCHEMA = "fleetlog"
READ_MODEL_SCHEMA = "fleetlog_read_models"

core = MetaData(schema=CORE_SCHEMA)
NOW = func.clock_timestamp()
ACCEPTED = text("status = 'accepted'")


def timestamp(name: str, *, optional: bool = False, clock: bool = True) -> Column[datetime]:
    default = NOW if clock else None
    return Column(name, DateTime(timezone=True), nullable=optional, server_default=default)


events = Table(
    "events",
    core,
    Column("event_id", Uuid, nullable=False),
    Column("aggregate_id", String(255), nullable=False),
    Column("aggregate_type", String(100), nullable=False),
    Column("event_type", String(100), nullable=False),
    Column("version", Integer, nullable=False),
    Column("sequence_number", BigInteger, nullable=False),
    Column("global_sequence", BigInteger, Identity(always=True, cache=1), nullable=False),
    Column("data", JSONB, nullable=False),
    Column("metadata", JSONB, nullable=False),
    timestamp("timestamp", clock=False),
    PrimaryKeyConstraint("event_id", name="events_pkey"),
    UniqueConstraint("aggregate_id", "sequence_number", name="events_stream_key"),
    UniqueConstraint("global_sequence", name="events_position_key"),
    CheckConstraint("sequence_number > 0", name="events_sequence_number_check"),
    Index("events_timestamp_brin", "timestamp", postgresql_using="brin"),
)

commands = Table(
    "commands",
    core,
    Column("command_id", Uuid, nullable=False),
    Column("command_type", String(100), nullable=False),
    Column("aggregate_id", String(255), nullable=False),
    Column("accepted_no", BigInteger, Identity(always=True, cache=1), nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("metadata", JSONB, nullable=False),
    Column("continuation", JSONB),
    Column("status", String(10), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("result", JSONB),
    Column("error", JSONB),
    timestamp("accepted_at"),
    timestamp("published_at"),
    timestamp("finished_at", optional=True, clock=False),
    timestamp("not_before", optional=True, clock=False),
    PrimaryKeyConstraint("command_id", name="commands_pkey"),
    CheckConstraint(
        "status in ('accepted', 'done', 'rejected', 'parked', 'cancelled')",
        name="commands_status_check",
    ),
    Index("commands_inbox", "aggregate_id", "accepted_no", postgresql_where=ACCEPTED),
    Index("commands_open", "accepted_no", postgresql_where=text("status <> 'done'")),
    Index(
        "commands_continuation",
        "finished_at",
        postgresql_where=text("continuation IS NOT NULL"),
    ),
)

snapshots = Table(
    "snapshots",
    core,
    Column("aggregate_id", String(255), nullable=False),
    Column("aggregate_type", String(100), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("state", JSONB, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    timestamp("timestamp"),
    PrimaryKeyConstraint("aggregate_id", name="snapshots_pkey"),
)

projection_checkpoints = Table(
    "projection_checkpoints",
    core,
    Column("projection_name", String(150), nullable=False),
    Column("last_global_sequence", BigInteger, nullable=False, server_default=text("0")),
    timestamp("last_updated"),
    Column("epoch", BigInteger, nullable=False, server_default=text("0")),
    Column("owner", String(255)),
    Column("generation", Integer, nullable=False, server_default=text("1")),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("status", String(10), nullable=False, server_default=text("'running'")),
    Column("error", Text),
    Column("projection", String(100), nullable=False),
    Column("standing", String(10), nullable=False, server_default=text("'live'")),
    Column("partition", Integer, nullable=False, server_default=text("0")),
    Column("partitions", Integer, nullable=False, server_default=text("1")),
    Column("held", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("projection_name", name="projection_checkpoints_pkey"),
    UniqueConstraint(
        *("projection", "standing", "partition"),
        name="projection_checkpoints_place_key",
        deferrable=True,
    ),
    CheckConstraint(
        "standing in ('live', 'next', 'previous')", name="projection_checkpoints_standing_check"
    ),
    CheckConstraint(
        "partition between 0 and partitions - 1", name="projection_checkpoints_partition_check"
    ),
    CheckConstraint(
        "status in ('running', 'halted', 'rebuilding')",
        name="projection_checkpoints_status_check",
    ),
)

parked_events = Table(
    "parked_events",
    core,
    Column(
        "projection_name",
        String(150),
        ForeignKey(
            projection_checkpoints.c.projection_name, onupdate="CASCADE", ondelete="CASCADE"
        ),
        nullable=False,
    ),
    Column("global_sequence", BigInteger, nullable=False),
    Column("aggregate_id", String(255), nullable=False),
    Column("error", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("1")),
    timestamp("parked_at"),
    timestamp("last_tried_at"),
    PrimaryKeyConstraint("projection_name", "global_sequence", name="parked_events_pkey"),
    Index("parked_events_stream", "projection_name", "aggregate_id", "global_sequence"),
)

dead_letters = Table(
    "dead_letters",
    core,
    Column("letter_id", Uuid, nullable=False),
    Column("queue", String(255), nullable=False),
    Column("reason", Text, nullable=False),
    Column("task_name", String(255)),
    Column("message", LargeBinary, nullable=False),
    timestamp("set_aside_at", clock=False),
    timestamp("recorded_at"),
    PrimaryKeyConstraint("letter_id", name="dead_letters_pkey"),
    Index("dead_letters_recorded", "recorded_at"),
)

SUBSCRIPTION_NAME = String(60)


def of_subscription() -> ForeignKey:
    return ForeignKey(subscriptions.c.name, ondelete="CASCADE")


subscriptions = Table(
    "subscriptions",
    core,
    Column("name", SUBSCRIPTION_NAME, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("options", JSONB, nullable=False),
    Column("event_types", JSONB, nullable=False),
    Column("aggregate_types", JSONB, nullable=False),
    Column("status", String(10), nullable=False, server_default=text("'active'")),
    Column("start_position", BigInteger, nullable=False),
    timestamp("created_at"),
    PrimaryKeyConstraint("name", name="subscriptions_pkey"),
    CheckConstraint("status in ('active', 'paused')", name="subscriptions_status_check"),
)

subscription_secrets = Table(
    "subscription_secrets",
    core,
    Column("secret_no", BigInteger, Identity(always=True), nullable=False),
    Column("subscription", SUBSCRIPTION_NAME, of_subscription(), nullable=False),
    Column("secret", Text, nullable=False),
    timestamp("expires_at", optional=True, clock=False),
    PrimaryKeyConstraint("secret_no", name="subscription_secrets_pkey"),
    Index("subscription_secrets_of", "subscription"),
)

outbox = Table(
    "outbox",
    core,
    Column("subscription", SUBSCRIPTION_NAME, nullable=False),
    Column("global_sequence", BigInteger, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("aggregate_id", String(255), nullable=False),
    PrimaryKeyConstraint("subscription", "global_sequence", name="outbox_pkey"),
)

delivery_cursors = Table(
    "delivery_cursors",
    core,
    Column("subscription", SUBSCRIPTION_NAME, of_subscription(), nullable=False),
    Column("taken_to", BigInteger, nullable=False),
    PrimaryKeyConstraint("subscription", name="delivery_cursors_pkey"),
)

deliveries = Table(
    "deliveries",
    core,
    Column("subscription", SUBSCRIPTION_NAME, nullable=False),
    Column("global_sequence", BigInteger, nullable=False),
    Column("aggregate_id", String(255), nullable=False),
    Column("status", String(10), nullable=False, server_default=text("'waiting'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    timestamp("next_attempt_at", optional=True, clock=False),
    Column("last_error", Text),
    timestamp("settled_at", optional=True, clock=False),
    Column("skip_reason", Text),
    PrimaryKeyConstraint("subscription", "global_sequence", name="deliveries_pkey"),
    CheckConstraint(
        "status in ('waiting', 'delivered', 'parked', 'skipped')", name="deliveries_status_check"
    ),
    Index(
        *("deliveries_waiting", "subscription", "global_sequence"),
        postgresql_where=text("status = 'waiting'"),
    ),
    Index(
        *("deliveries_held", "subscription", "aggregate_id"),
        postgresql_where=text("status = 'parked' or next_attempt_at is not null"),
    ),
)

endpoint_circuits = Table(
    "endpoint_circuits",
    core,
    Column("endpoint", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    timestamp("open_until", optional=True, clock=False),
    timestamp("changed_at"),
    PrimaryKeyConstraint("endpoint", name="endpoint_circuits_pkey"),
)
