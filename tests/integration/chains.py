"""Steps for chains of toys, and what became of them."""

from typing import Any
from uuid import UUID

from celery.canvas import Signature

from store.inbox import CommandState
from tests.polling import eventually
from workers import command_tasks
from workers.fleet import fleet

SECONDS = 20


def ring(toy_id: str, note: int, *, immutable: bool = True) -> "Signature[object]":
    return command_tasks.TASKS["ring"].signature(
        kwargs={"toy_id": toy_id, "note": note}, immutable=immutable
    )


def label(toy_id: str, text: str) -> "Signature[object]":
    return command_tasks.TASKS["label"].si(toy_id=toy_id, text=text)


def notes(toy_id: str) -> list[int]:
    events = fleet.store.load_events(toy_id)
    return [event.payload["note"] for event in events if event.event_type == "Rang"]


def rung(toy_id: str, *expected: int) -> bool:
    return eventually(lambda: notes(toy_id) == list(expected), SECONDS)


def sent(steps: Any, **options: Any) -> Any:
    """Send a chain; what its stubs say of the result is less than what it is."""
    return steps.apply_async(**options)


def state(id: str) -> CommandState | None:
    return fleet.inbox.find(UUID(id))


def settled(id: str) -> bool:
    """Whether a command is answered, and nothing waits behind it any more."""
    found = state(id)
    return found is not None and not found.is_open and found.continuation is None
