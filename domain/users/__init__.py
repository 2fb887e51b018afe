"""Users: everything outside this package imports it from here."""

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
from domain.users.user import (
    User,
    UserAlreadyExistsError,
    UserDeactivatedError,
    UserIsActiveError,
    UserNotFoundError,
)

__all__ = [
    "ChangeUserEmail",
    "ChangeUserPassword",
    "CreateUser",
    "DeactivateUser",
    "ReactivateUser",
    "User",
    "UserAlreadyExistsError",
    "UserCommand",
    "UserCreated",
    "UserDeactivated",
    "UserDeactivatedError",
    "UserEmailChanged",
    "UserEvent",
    "UserIsActiveError",
    "UserNotFoundError",
    "UserPasswordChanged",
    "UserReactivated",
]
