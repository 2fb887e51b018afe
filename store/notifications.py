"""Notifications: which events a person is told of by mail, and who that person is."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from domain.aggregate import aggregate_of
from domain.event import Event
from store.engine import Connection
from store.errors import DomainSetupError
from store.recorded import RecordedEvent

REACHED = """
select min(c.last_global_sequence) >= %b::bigint and not exists (
    select from fleetlog.parked_events p where p.aggregate_id = %b
    and p.projection_name in (
        select projection_name from fleetlog.projection_checkpoints
        where projection = %b and standing = 'live'))
from fleetlog.projection_checkpoints c where c.projection = %b and c.standing = 'live'
"""


@dataclass(frozen=True)
class Recipient:
    """Whom to tell; shown by nobody's `repr`."""

    name: str = field(repr=False)
    address: str = field(repr=False)


class AddressBook(ABC):
    """Finds the person whom an event concerns, in the tables of a projection."""

    projection: ClassVar[str]

    @abstractmethod
    def find(self, connection: Connection, event: RecordedEvent) -> Recipient | None:
        """Return the recipient, or None for an event that concerns nobody we know."""

    def has_reached(self, connection: Connection, event: RecordedEvent) -> bool:
        """Say whether `event` and all before it is folded: until then, None says nothing."""
        name = self.projection
        parameters = (event.global_sequence, event.aggregate_id, name, name)
        row = connection.execute(REACHED, parameters).fetchone()
        return row is not None and bool(row[0])


@dataclass(frozen=True)
class Notification:
    """A mail made from `template` for each event of this type."""

    event: type[Event]
    template: str
    book: AddressBook


_notifications: dict[tuple[str, str], Notification] = {}


def notify(event: type[Event], *, template: str, book: AddressBook) -> None:
    """Declare that somebody in `book` is told of each `event`; once an event."""
    owner = aggregate_of(event)
    if owner is None:
        raise DomainSetupError(f"{event.event_type} cannot be told of: no one aggregate has it")
    key = (owner.aggregate_type, event.event_type)
    if key in _notifications:
        raise DomainSetupError(f"{event.event_type} has two notifications")
    _notifications[key] = Notification(event, template, book)


def notification_for(aggregate_type: str, event_type: str) -> Notification | None:
    """Return what was declared for events of this type, or None."""
    return _notifications.get((aggregate_type, event_type))


def notifications() -> Iterator[Notification]:
    """Every notification that has been declared."""
    yield from _notifications.values()
