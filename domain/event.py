"""Events: immutable facts, known to storage by a stable name and a schema version."""

from dataclasses import dataclass, field
from typing import ClassVar, dataclass_transform

from domain.message import Message


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Event(Message):
    """
    Base of all events; subclassing declares and freezes one.

    Storage sees the name, by default the class's own, so a class can be renamed
    by keeping `name=`. Raise `version` when the fields change, and add an
    upcaster from the version before.
    """

    event_type: ClassVar[str]
    schema_version: ClassVar[int]

    def __init_subclass__(cls, *, name: str | None = None, version: int = 1) -> None:
        super().__init_subclass__()
        cls.event_type, cls.schema_version = name or cls.__name__, version
        dataclass(frozen=True, kw_only=True, repr=False)(cls)
