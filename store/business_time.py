"""
When something happened, for those who count by hour and day.

Business time: an event of another system's history happened when that system says, its
`occurred_at`; every other when the database stored it. Both come from the event, so a rebuild
counts alike. Hours and days are UTC's.
"""

from datetime import UTC, date, datetime

from store.recorded import RecordedEvent


def happened_at(event: RecordedEvent) -> datetime:
    """Return when it happened; where `occurred_at` is no moment, the database's word counts."""
    said = event.metadata.occurred_at
    return (said and as_moment(said)) or event.timestamp


def as_moment(text: str) -> datetime | None:
    """Return an ISO 8601 time in UTC, which is meant where it has no zone; None if it is none."""
    try:
        moment = datetime.fromisoformat(text.upper())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def day_of(event: RecordedEvent) -> date:
    return happened_at(event).date()
