"""What can happen to a user."""

from typing import TypeAlias

from domain.event import Event
from domain.message import Personal, Secret
from domain.upcasting import Data, upcaster


class UserCreated(Event, version=2):
    user_id: str
    username: Personal[str]
    email: Personal[str]


class UserEmailChanged(Event, words="User {id} has a new e-mail address"):
    new_email: Personal[str]


class UserPasswordChanged(Event, words="User {id} has a new password"):
    password_hash: Secret[str]


class UserDeactivated(Event):
    reason: str


class UserReactivated(Event):
    pass


UserEvent: TypeAlias = (
    UserCreated | UserEmailChanged | UserPasswordChanged | UserDeactivated | UserReactivated
)


@upcaster(UserCreated, from_version=1)
def name_after_the_mailbox(data: Data) -> Data:
    """Version 1 knew no username; the local part of the e-mail stands in for it."""
    return {**data, "username": data["email"].partition("@")[0]}
