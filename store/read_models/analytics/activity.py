"""Activity: how many events of each type there were by the hour, and how many people by the day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any, cast

from sqlalchemy import BigInteger, Column, Date, DateTime, String, Table
from sqlalchemy.orm import Mapped, mapped_column

from store.business_time import happened_at
from store.projection import Key, Order, Projection, Rows, read_models
from store.read_models.mapped import ReadModel
from store.recorded import RecordedEvent

LONGEST_ACTOR = 255


class EventCountRow(ReadModel):
    """`select(EventCountRow)`: events of one type within the hour that begins at `hour`."""

    __tablename__ = "analytics_event_counts"

    hour: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    aggregate_type: Mapped[str] = mapped_column(String(100), primary_key=True)
    event_type: Mapped[str] = mapped_column(String(100), primary_key=True)
    events: Mapped[int] = mapped_column(BigInteger)


class ActiveUsersRow(ReadModel):
    """`select(ActiveUsersRow)`: how many different people were active on a day."""

    __tablename__ = "analytics_active_users"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    users: Mapped[int] = mapped_column(BigInteger)


active_days = Table(
    "analytics_active_days",
    read_models,
    Column("day", Date, primary_key=True),
    Column("actor", String(LONGEST_ACTOR), primary_key=True),
)


@dataclass(frozen=True, slots=True)
class EventCount:
    hour: datetime
    aggregate_type: str
    event_type: str
    events: int


@dataclass(frozen=True, slots=True)
class ActiveUsers:
    day: date
    users: int


@dataclass(frozen=True, slots=True)
class ActiveDay:
    """A helper: this one was counted on that day already."""

    day: date
    actor: str


class Activity(Projection, name="activity"):
    """
    It commutes: a count does not ask in which order it was counted, and a set of (day, actor)
    not in which order it was filled. It reads every event, also those that no class knows.
    """

    order = Order.COMMUTES
    aggregate_types = None
    reads_metadata = True
    tables = {  # noqa: RUF012 - a class variable
        EventCount: cast("Table", EventCountRow.__table__),
        ActiveUsers: cast("Table", ActiveUsersRow.__table__),
        ActiveDay: active_days,
    }

    def keys(self, event: RecordedEvent) -> Iterable[Key]:
        at = happened_at(event)
        yield (EventCount, hour_of(at), event.aggregate_type, event.event_type)
        actor = active(event)
        if actor is not None:
            yield (ActiveUsers, at.date())
            yield (ActiveDay, at.date(), actor)

    def evolve(self, rows: Rows, event: RecordedEvent) -> Rows:
        counted, *of_people = self.keys(event)
        changes: dict[Key, Any] = {counted: one_more_event(rows, counted)}
        if of_people:
            users, seen = of_people
            if rows.get(seen) is None:
                changes[seen] = ActiveDay(*seen[1:])
                before = rows.get(users)
                changes[users] = ActiveUsers(users[1], before.users + 1 if before else 1)
        return changes


def one_more_event(rows: Rows, key: Key) -> EventCount:
    _, hour, aggregate_type, event_type = key
    before = rows.get(key)
    return EventCount(hour, aggregate_type, event_type, before.events + 1 if before else 1)


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def active(event: RecordedEvent) -> str | None:
    """
    Return who was active: whoever acted, as claimed; where nobody is named, the user it is about.

    A user to whom somebody else did something was not active. A name longer than an id may be
    goes by its digest, so that it is counted all the same.
    """
    actor = event.metadata.actor or (event.aggregate_id if event.aggregate_type == "User" else None)
    if actor is None or len(actor) <= LONGEST_ACTOR:
        return actor
    return f"sha256:{sha256(actor.encode()).hexdigest()}"
