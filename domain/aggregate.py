"""Aggregates: decide by recording events, change only by applying them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar, get_args, get_origin, get_type_hints

from domain.command import Command
from domain.event import Event
from domain.message import field_names

E = TypeVar("E", bound=Event)
C = TypeVar("C", bound=Command)

_aggregates: dict[str, type["Aggregate[Any, Any]"]] = {}
_owners: dict[str, type["Aggregate[Any, Any]"]] = {}
_event_owners: dict[type[Event], list[type["Aggregate[Any, Any]"]]] = {}


class Aggregate(ABC, Generic[E, C]):
    """
    A consistency boundary whose state is a fold over its own stream.

    The two type arguments are closed unions: every event the stream may hold,
    every command the aggregate answers. `id` names the field in which all its
    commands carry the aggregate id. What the state remembers is declared as
    annotated attributes with immutable defaults; snapshots are made of them.
    """

    aggregate_type: ClassVar[str]
    id_field: ClassVar[str]
    event_classes: ClassVar[Mapping[str, type[Event]]]
    command_classes: ClassVar[Mapping[str, type[Command]]]

    def __init_subclass__(cls, *, id: str, name: str | None = None) -> None:
        super().__init_subclass__()
        events, commands = _type_arguments(cls)
        cls.aggregate_type, cls.id_field = name or cls.__name__, id
        cls.event_classes = {event.event_type: event for event in events}
        cls.command_classes = {command.command_type: command for command in commands}
        _register(cls)

    def __init__(self, id: str) -> None:
        self.id = id
        self.version = 0
        self.pending: list[E] = []

    @abstractmethod
    def execute(self, command: C) -> None:
        """Check every rule first, then record; raise a `DomainError` to refuse."""

    @abstractmethod
    def apply(self, event: E) -> None:
        """Change state to reflect `event`; never refuse, never do I/O."""

    def record(self, event: E) -> None:
        """Apply a new fact now and keep it for the store."""
        if type(event) not in self.event_classes.values():
            raise TypeError(f"{self.aggregate_type} does not declare {type(event).__name__}")
        self.apply(event)
        self.pending.append(event)

    def replay(self, history: Iterable[E]) -> Self:
        """Apply facts the store already has."""
        for event in history:
            self.apply(event)
            self.version += 1
        return self

    def committed(self) -> None:
        """Count the pending events as history: the store has them now."""
        self.version += len(self.pending)
        self.pending.clear()

    @classmethod
    def state_types(cls) -> dict[str, Any]:
        """Return the attributes that make up the state, with their types."""
        own = [c for c in cls.__mro__ if issubclass(c, Aggregate) and c is not Aggregate]
        names = [name for c in reversed(own) for name in vars(c).get("__annotations__", {})]
        hints = get_type_hints(cls)
        return {name: hints[name] for name in names if get_origin(hints[name]) is not ClassVar}


def aggregates() -> Iterator[type[Aggregate[Any, Any]]]:
    """Every aggregate class that has been declared."""
    yield from _aggregates.values()


def aggregate_class(aggregate_type: str) -> type[Aggregate[Any, Any]] | None:
    """Return the class registered for `aggregate_type`, or None when nobody claims it."""
    return _aggregates.get(aggregate_type)


def aggregate_for(command_type: str) -> type[Aggregate[Any, Any]] | None:
    """Return the aggregate that answers `command_type`, or None when nobody does."""
    return _owners.get(command_type)


def aggregate_of(event: type[Event]) -> type[Aggregate[Any, Any]] | None:
    """Return the one aggregate that declares `event`, or None when none or several do."""
    owners = _event_owners.get(event, [])
    return owners[0] if len(owners) == 1 else None


def _type_arguments(cls: type[Aggregate[Any, Any]]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    for base in getattr(cls, "__orig_bases__", ()):
        if get_origin(base) is Aggregate:
            events, commands = get_args(base)
            return get_args(events) or (events,), get_args(commands) or (commands,)
    raise TypeError(f"{cls.__name__} must say Aggregate[its events, its commands]")


def _register(cls: type[Aggregate[Any, Any]]) -> None:
    if taken := _aggregates.get(cls.aggregate_type):
        raise ValueError(
            f"aggregate type {cls.aggregate_type!r} is already taken, by {taken.__module__}"
        )
    for command_type, command in cls.command_classes.items():
        if owner := _owners.get(command_type):
            raise ValueError(
                f"command type {command_type!r} is already taken, by {owner.__module__}"
            )
        if cls.id_field not in field_names(command):
            raise TypeError(f"{command_type} lacks the field {cls.id_field!r} of {cls.__name__}")
    _aggregates[cls.aggregate_type] = cls
    _owners.update(dict.fromkeys(cls.command_classes, cls))
    for event in cls.event_classes.values():
        _event_owners.setdefault(event, []).append(cls)
