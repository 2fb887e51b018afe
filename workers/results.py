"""Results are read from the table of commands; nothing is written here."""

import time
from collections.abc import Callable
from typing import Any, NoReturn
from uuid import NAMESPACE_URL, UUID, uuid5

from celery import states
from celery.backends.base import BaseBackend
from celery.exceptions import TimeoutError as ResultTimeoutError

from store.inbox import CommandState
from workers.fleet import fleet

STATES = {
    "accepted": states.PENDING,
    "done": states.SUCCESS,
    "rejected": states.FAILURE,
    "parked": states.FAILURE,
    "cancelled": states.REVOKED,
}
FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.25


def command_id_of(task_id: str) -> UUID:
    """Return the command id of a task; a task id that is no UUID stands for one all the same."""
    try:
        return UUID(task_id)
    except ValueError:
        name = f"celery-task:{task_id}".encode("utf-8", "backslashreplace").decode()
        return uuid5(NAMESPACE_URL, name)


class CommandResults(BaseBackend):
    """Celery's result backend over `commands`, read-only: the handler has stored the result."""

    supports_autoexpire = True  # nothing of ours to sweep
    persistent = True

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        state = fleet.inbox.find(command_id_of(task_id))
        if state is None:
            return {"status": states.PENDING, "result": None, "task_id": task_id}
        meta = self.meta_from_decoded(as_meta(state))
        return {**meta, "task_id": task_id}

    def wait_for(
        self,
        task_id: str,
        timeout: float | None = None,
        interval: float = LONGEST_PAUSE,
        no_ack: bool = True,  # noqa: ARG002, FBT001, FBT002 - Celery's signature
        on_interval: Callable[[], object] | None = None,
    ) -> dict[str, Any]:
        """Ask until there is an answer, soon at first, then ever less often."""
        give_up = None if timeout is None else time.monotonic() + timeout
        pause = FIRST_PAUSE
        while True:
            meta = self.get_task_meta(task_id)
            if meta["status"] in states.READY_STATES:
                return dict(meta)
            if on_interval:
                on_interval()
            if give_up is not None and time.monotonic() >= give_up:
                raise ResultTimeoutError("The operation timed out.")
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE, max(interval, FIRST_PAUSE))

    def store_result(self, task_id: str, result: Any, state: str, *_: Any, **__: Any) -> Any:  # noqa: ARG002
        """Do nothing: what became of a command was stored with its events."""
        return result

    def ensure_chords_allowed(self) -> NoReturn:
        raise NotImplementedError(
            "a chord counts results in its backend, and fleetlog's results are read-only; "
            "use a chain, or a group and wait for its results"
        )

    def as_uri(self, include_password: bool = False) -> str:  # noqa: ARG002, FBT001, FBT002
        return "fleetlog://commands"

    def process_cleanup(self) -> None:
        """Nothing to give back."""


def as_meta(state: CommandState) -> dict[str, Any]:
    """Return a command's row as Celery's result."""
    status = STATES[state.status]
    result: Any = state.result
    if status in states.EXCEPTION_STATES:
        result = as_exception(state)
    return {
        "status": status,
        "result": result,
        "traceback": None,
        "children": [],
        "date_done": state.finished_at and state.finished_at.isoformat(),
    }


def as_exception(state: CommandState) -> dict[str, Any]:
    """Return the refusal in the form from which Celery raises it again, in its own class."""
    error = state.error or {}
    if state.status == "rejected":
        return {
            "exc_type": error.get("type", "DomainError"),
            "exc_module": error.get("module", "domain.errors"),
            "exc_message": error.get("args", []),
        }
    return {
        "exc_type": "CommandNotDoneError",
        "exc_module": "workers.errors",
        "exc_message": [str(state.command_id), state.status, error.get("message", "")],
    }
