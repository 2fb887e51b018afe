"""The user directory: one row for each user, for people who look somebody up."""

from datetime import datetime
from typing import assert_never, cast

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import DateTime, String, Table
from sqlalchemy.orm import Mapped, mapped_column

from domain.users import (
    UserCreated,
    UserDeactivated,
    UserEmailChanged,
    UserEvent,
    UserPasswordChanged,
    UserReactivated,
)
from store.projection import RowProjection
from store.read_models.mapped import ReadModel
from store.recorded import RecordedEvent


class UserRow(ReadModel):
    """`select(UserRow)`: the directory as applications read it."""

    __tablename__ = "user_read_model"

    user_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    username: Mapped[str]
    email: Mapped[str]
    is_active: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_updated: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class UserEntry(Struct, frozen=True, gc=False):
    """The same row as the fold sees it."""

    user_id: str
    username: str
    email: str
    is_active: bool
    created_at: datetime
    last_updated: datetime


class UserDirectory(RowProjection[UserEntry], name="user_directory"):
    row = UserEntry
    table = cast("Table", UserRow.__table__)
    aggregate_types = frozenset({"User"})

    def evolve_row(self, row: UserEntry | None, event: RecordedEvent) -> UserEntry | None:
        at = event.timestamp
        fact = cast("UserEvent", event.event)
        if isinstance(fact, UserCreated):
            return UserEntry(event.aggregate_id, fact.username, fact.email, True, at, at)  # noqa: FBT003 - a column
        if row is None:
            raise LookupError(f"user {event.aggregate_id} changed before it was created")
        match fact:
            case UserEmailChanged(new_email=email):
                return replace(row, email=email, last_updated=at)
            case UserPasswordChanged():
                return replace(row, last_updated=at)
            case UserDeactivated():
                return replace(row, is_active=False, last_updated=at)
            case UserReactivated():
                return replace(row, is_active=True, last_updated=at)
            case _:
                assert_never(fact)
