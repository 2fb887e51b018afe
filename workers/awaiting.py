"""Reading one's own write, from the caller's side: what may be waited for, and the wait itself."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from celery import _state
from celery.exceptions import TimeoutError as ResultTimeoutError

from domain.aggregate import aggregate_for
from domain.command import Command
from store import waiting
from store.errors import UnknownCommandError
from store.waiting import LONGEST_PAUSE, NotProjectedInTimeError, Write
from workers.errors import NotDoneInTimeError, UnsupportedOptionError
from workers.fleet import fleet
from workers.projecting import named

if TYPE_CHECKING:  # generic only in its stubs
    from celery.result import AsyncResult

WITHIN_SECONDS = 30.0  # of those who do not say how long they would wait


@dataclass(eq=False)
class NotReadError(ValueError):
    """To wait for this projection would mean nothing: it would never show the aggregate."""

    projection: str
    aggregate_type: str

    def __str__(self) -> str:
        return f"projection {self.projection!r} does not read {self.aggregate_type} events"


def wanted(names: str | Iterable[str] | None, command: Command | None = None) -> tuple[str, ...]:
    """
    Return the names of the projections to wait for, each once; none for None.

    Raises UnknownProjectionError, or NotReadError for one that does not read what this
    command may append.
    """
    given = (names,) if isinstance(names, str) else names or ()
    found = tuple(dict.fromkeys(named(name).name for name in given))
    if command is not None:
        refuse_unread(found, aggregate_type_of(command.command_type))
    return found


def refuse_unread(names: Iterable[str], aggregate_type: str) -> None:
    for name in names:
        if not named(name).reads(aggregate_type):
            raise NotReadError(name, aggregate_type)


def aggregate_type_of(command_type: str) -> str:
    owner = aggregate_for(command_type)
    if owner is None:
        raise UnknownCommandError(command_type)
    return owner.aggregate_type


def asked_for(
    names: str | Iterable[str] | None, command: Command, *, within: object, timeout: float | None
) -> tuple[str, ...]:
    """Return what `wanted` does; raises UnsupportedOptionError too where waiting would hang."""
    found = wanted(names, command)
    if found and within is not None:
        raise UnsupportedOptionError(
            "wait_for", "nobody else sees it before your transaction commits; wait after that"
        )
    if found and _state.task_join_will_block():  # type: ignore[attr-defined]  # not in the stubs
        raise UnsupportedOptionError(
            "wait_for", "a task that waits keeps its worker; put after_projected into a chain"
        )
    if timeout is not None and not timeout >= 0:
        raise ValueError(f"timeout is {timeout!r}: it must be a number of seconds")
    return found


def until_projected(
    result: "AsyncResult[Any]", names: tuple[str, ...], timeout: float | None = None
) -> dict[str, Any]:
    """
    Return a command's result when these projections show what it appended.

    Raises its refusal as `.get()` does, NotDoneInTimeError, or a NotProjectedError.
    """
    seconds = WITHIN_SECONDS if timeout is None else timeout
    deadline = time.monotonic() + seconds
    try:
        outcome: dict[str, Any] = result.get(timeout=seconds, interval=LONGEST_PAUSE)
    except ResultTimeoutError:
        raise NotDoneInTimeError(str(result.id), seconds) from None
    try:
        left = max(0.0, deadline - time.monotonic())
        waiting.wait_for(fleet.database, names, Write.of(outcome), left)
    except NotProjectedInTimeError as error:
        error.seconds = seconds  # the command's own time is part of it
        raise
    return outcome
