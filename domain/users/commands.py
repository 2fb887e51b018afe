"""What can be asked of a user."""

import re
from typing import TypeAlias

from domain.command import Command
from domain.message import Personal, Secret

EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s.]+")
EMAIL_LENGTH = 254
# A password hash names its algorithm first ($argon2id$..., $2b$...); a password does not.
PASSWORD_HASH = re.compile(r"\$[a-z0-9-]{1,32}\$\S+")


class CreateUser(Command):
    user_id: str
    username: Personal[str]
    email: Personal[str]

    def __post_init__(self) -> None:
        self.require(self.user_id.strip(), "user_id", "must not be empty")
        self.require(self.username.strip(), "username", "must not be empty")
        self.require(is_email(self.email), "email", "must look like name@example.org")


class ChangeUserEmail(Command):
    user_id: str
    new_email: Personal[str]

    def __post_init__(self) -> None:
        self.require(is_email(self.new_email), "new_email", "must look like name@example.org")


class ChangeUserPassword(Command):
    """Carries a hash: a password itself must never enter a store that forgets nothing."""

    user_id: str
    password_hash: Secret[str]

    def __post_init__(self) -> None:
        hashed = PASSWORD_HASH.fullmatch(self.password_hash)
        self.require(hashed, "password_hash", "must be a hash such as $argon2id$..., no password")


class DeactivateUser(Command):
    user_id: str
    reason: str

    def __post_init__(self) -> None:
        self.require(self.reason.strip(), "reason", "must not be empty")


class ReactivateUser(Command):
    user_id: str


UserCommand: TypeAlias = (
    CreateUser | ChangeUserEmail | ChangeUserPassword | DeactivateUser | ReactivateUser
)


def is_email(text: str) -> bool:
    return len(text) <= EMAIL_LENGTH and EMAIL.fullmatch(text) is not None
