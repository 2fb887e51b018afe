"""The user directory as its readers see it, and as somebody who knows the events does."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.engine import Role
from store.read_models.user_directory import UserRow
from workers.fleet import fleet

DIRECTORY = "user_directory"


def row(name: str) -> UserRow | None:
    with Session(fleet.database.engine(Role.READER)) as session:
        return session.scalar(select(UserRow).where(UserRow.user_id == name))


def is_done(name: str) -> bool:
    return bool(fleet.store.load_events(name))
