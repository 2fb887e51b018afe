"""Events on their way out, as a deliverer hands them to a channel."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec

from domain.event import Event
from store.codec import Metadata
from store.recorded import RecordedEvent
from store.subscriptions import Secrets, Subscription
from workers.delivering.channel import Channel, Outgoing
from workers.delivering.channels import channel_for

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def outgoing(
    event: Event,
    aggregate_id: str = "42",
    *,
    aggregate_type: str = "User",
    subscription: str = "theirs",
    metadata: Metadata | None = None,
    event_id: UUID | None = None,
) -> Outgoing:
    recorded = RecordedEvent(
        global_sequence=7,
        aggregate_id=aggregate_id,
        aggregate_type=aggregate_type,
        event_type=event.event_type,
        version=event.schema_version,
        sequence_number=1,
        timestamp=NOON,
        data=msgspec.json.encode(event).decode(),
        event_id=event_id or uuid4(),
        metadata_json=msgspec.json.encode(metadata or Metadata()).decode(),
    )
    return Outgoing(recorded, subscription)


def channel_to(kind: str, endpoint: str, *secrets: str, **options: object) -> Channel:
    """Make the channel as the deliverer does."""
    subscription = Subscription("theirs", kind, endpoint, options)  # type: ignore[arg-type]  # or no kind at all
    return channel_for(subscription, Secrets(secrets))
