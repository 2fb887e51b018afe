"""A user: created once, then changed, deactivated and reactivated."""

from dataclasses import dataclass
from typing import assert_never

from domain.aggregate import Aggregate
from domain.errors import DomainError
from domain.users.commands import (
    ChangeUserEmail,
    ChangeUserPassword,
    CreateUser,
    DeactivateUser,
    ReactivateUser,
    UserCommand,
)
from domain.users.events import (
    UserCreated,
    UserDeactivated,
    UserEmailChanged,
    UserEvent,
    UserPasswordChanged,
    UserReactivated,
)


@dataclass(eq=False)
class UserAlreadyExistsError(DomainError):
    user_id: str

    def __str__(self) -> str:
        return f"user {self.user_id} exists already"


@dataclass(eq=False)
class UserNotFoundError(DomainError):
    user_id: str

    def __str__(self) -> str:
        return f"user {self.user_id} was never created"


@dataclass(eq=False)
class UserDeactivatedError(DomainError):
    user_id: str

    def __str__(self) -> str:
        return f"user {self.user_id} is deactivated; reactivate it first"


@dataclass(eq=False)
class UserIsActiveError(DomainError):
    user_id: str

    def __str__(self) -> str:
        return f"user {self.user_id} is active already"


class User(Aggregate[UserEvent, UserCommand], id="user_id"):
    exists: bool = False
    is_active: bool = False
    username: str = ""
    email: str = ""

    def execute(self, command: UserCommand) -> None:
        match command:
            case CreateUser(user_id=user_id, username=username, email=email):
                self._require_new()
                self.record(UserCreated(user_id=user_id, username=username, email=email))
            case ChangeUserEmail(new_email=new_email):
                self._require_active()
                if new_email != self.email:
                    self.record(UserEmailChanged(new_email=new_email))
            case ChangeUserPassword(password_hash=password_hash):
                self._require_active()
                self.record(UserPasswordChanged(password_hash=password_hash))
            case DeactivateUser(reason=reason):
                self._require_active()
                self.record(UserDeactivated(reason=reason))
            case ReactivateUser():
                self._require_inactive()
                self.record(UserReactivated())
            case _:
                assert_never(command)

    def apply(self, event: UserEvent) -> None:
        match event:
            case UserCreated(username=username, email=email):
                self.exists = self.is_active = True
                self.username, self.email = username, email
            case UserEmailChanged(new_email=new_email):
                self.email = new_email
            case UserPasswordChanged():
                pass  # no rule asks for it, and what is not remembered cannot leak
            case UserDeactivated():
                self.is_active = False
            case UserReactivated():
                self.is_active = True
            case _:
                assert_never(event)

    def _require_new(self) -> None:
        if self.exists:
            raise UserAlreadyExistsError(self.id)

    def _require_active(self) -> None:
        if not self.exists:
            raise UserNotFoundError(self.id)
        if not self.is_active:
            raise UserDeactivatedError(self.id)

    def _require_inactive(self) -> None:
        if not self.exists:
            raise UserNotFoundError(self.id)
        if self.is_active:
            raise UserIsActiveError(self.id)
