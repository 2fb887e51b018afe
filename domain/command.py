"""Commands: intentions addressed to one aggregate; they may be refused."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import ClassVar, dataclass_transform, get_type_hints

from domain.errors import InvalidFieldError
from domain.message import Message


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Command(Message):
    """
    Base of all commands; subclassing declares and freezes one.

    Who asked, when and under which id is the envelope's business, so a command
    is its payload alone. Rules about a single field go into `__post_init__`
    through `require`: they hold before the command is even accepted.
    """

    command_type: ClassVar[str]

    def __init_subclass__(cls, *, name: str | None = None) -> None:
        super().__init_subclass__()
        cls.command_type = name or cls.__name__
        if "__post_init__" in vars(cls):
            cls.__post_init__ = naming_misfits(vars(cls)["__post_init__"])  # type: ignore[attr-defined]
        dataclass(frozen=True, kw_only=True, repr=False)(cls)

    def require(self, condition: object, field: str, rule: str) -> None:
        """Raise `InvalidFieldError` for `field` unless `condition` holds."""
        if not condition:
            raise InvalidFieldError(self.command_type, field, rule)


def naming_misfits(check: Callable[[Command], None]) -> Callable[[Command], None]:
    """Let a rule that stumbles over a value of a wrong type name the field instead."""

    @wraps(check)
    def check_fields(self: Command) -> None:
        try:
            check(self)
        except (AttributeError, TypeError):
            for field, hint in get_type_hints(type(self)).items():
                fits = not isinstance(hint, type) or isinstance(getattr(self, field, None), hint)
                self.require(fits, field, f"must be a {getattr(hint, '__name__', hint)}")
            raise

    return check_fields
