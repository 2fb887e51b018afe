"""Upcasting: old facts read in today's words, one version at a time; storage never changes."""

from collections.abc import Callable
from typing import Any, TypeAlias

from domain.event import Event

Data: TypeAlias = dict[str, Any]
Upcaster: TypeAlias = Callable[[Data], Data]

_steps: dict[tuple[type[Event], int], Upcaster] = {}


def upcaster(event: type[Event], *, from_version: int) -> Callable[[Upcaster], Upcaster]:
    """Declare the pure step that turns data of `from_version` into the next version's."""

    def register(step: Upcaster) -> Upcaster:
        if (event, from_version) in _steps:
            raise ValueError(f"{event.event_type} has two upcasters from version {from_version}")
        _steps[event, from_version] = step
        return step

    return register


def upcast(event: type[Event], version: int, data: Data) -> Data:
    """Bring `data` from `version` to the event's current version; KeyError names a missing step."""
    for step in range(version, event.schema_version):
        data = _steps[event, step](data)
    return data


def upcasters(event: type[Event]) -> list[Upcaster]:
    """Return the steps of one event, oldest first."""
    return [step for (cls, _), step in sorted(_steps.items(), key=_version) if cls is event]


def missing_upcasters(event: type[Event]) -> list[int]:
    """Return the versions from which nothing leads on: a mistake to be told at start."""
    return [v for v in range(1, event.schema_version) if (event, v) not in _steps]


def _version(item: tuple[tuple[type[Event], int], Upcaster]) -> int:
    return item[0][1]
