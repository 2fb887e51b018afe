"""One Celery task for each command: its name is the command's, its task id the command id."""

import re
import time
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import psycopg
import structlog
from celery import Task
from celery.exceptions import Reject, Retry, TimeLimitExceeded
from sqlalchemy.exc import DBAPIError

from domain.aggregate import aggregates
from domain.command import Command
from domain.errors import DomainError
from store.codec import Metadata
from store.command_codec import describe, make_command
from store.errors import UnstorableError
from store.handling import Worked
from store.inbox import CommandState, Submission
from store.retry import is_passing
from workers import continuation, doorbell
from workers.app import app
from workers.checking import by_position, check, refuse_later, refuse_positional
from workers.domains import load_domain
from workers.envelope import metadata_from
from workers.errors import CommandNotDoneError
from workers.fleet import fleet
from workers.results import as_exception, command_id_of
from workers.settings import current_settings
from workers.urgent import go_first, without_delay

if TYPE_CHECKING:  # the one class here that is generic only in its stubs
    from celery.result import AsyncResult

log = structlog.get_logger(__name__)

REPUBLISHED = {"fleetlog_republished": True}
HANGING_SECONDS = 20
EARLY_WAKE_UPS = 5  # how often a wake-up may arrive before its command's transaction is committed
SAYS_NOTHING: dict[str, Any] = {"argsrepr": "()", "kwargsrepr": "{}"}


class CommandTask(Task):  # type: ignore[type-arg]
    """
    A durable command: written down when it is sent, worked off from its aggregate's inbox.

    `delay(**fields)` accepts the command in PostgreSQL and only then publishes; the message is
    a bare wake-up. `.get()` returns where the events stand, or raises the refusal.
    """

    abstract = True
    Request = "workers.redacting:CommandRequest"
    typing = False
    ignore_result = False
    throws = (DomainError, CommandNotDoneError)
    # More deaths than any command may have, for messages that die before they are accepted.
    max_retries = 10
    # A decision is interrupted much earlier; this is for code that cannot be.
    time_limit = min(HANGING_SECONDS, current_settings().task_time_limit_seconds)
    command: ClassVar[type[Command]]

    def apply_async(  # noqa: PLR0913, PLR0917 - Celery's signature
        self,
        args: Any = None,
        kwargs: dict[str, Any] | None = None,
        task_id: str | None = None,
        producer: Any = None,
        link: Any = None,
        link_error: Any = None,
        shadow: str | None = None,
        **options: Any,
    ) -> "AsyncResult[Any]":
        """
        Accept the command, then publish its wake-up; raises InvalidFieldError for a bad field.

        Headers `actor`, `reason`, `correlation_id` and `causation_id` become its envelope.
        """
        if options.get("retries"):  # Celery sends a message on whose worker has died
            # It may never have been accepted: where it cannot be sent, Celery gives it back.
            again = super().apply_async(
                args, kwargs, task_id, producer, link, link_error, shadow, **without_delay(options)
            )
            go_first()
            return again
        refuse_later(options)
        refuse_positional(self.name, args)
        task_id = task_id or str(uuid4())
        chain = check(options.pop("chain", None), self.name)
        submission = Submission(
            command_id=command_id_of(task_id),
            command=make_command(self.name, kwargs or {}),
            metadata=metadata_from(options.get("headers") or {}, options),
            continuation=continuation.packed(link, link_error, chain),
        )
        fleet.inbox.accept([submission])
        return self._publish(task_id, producer=producer, shadow=shadow, **options)

    def _publish(
        self, task_id: str | None, args: Any = None, kwargs: Any = None, **options: Any
    ) -> "AsyncResult[Any]":
        try:
            options |= SAYS_NOTHING
            return super().apply_async(args or (), kwargs or {}, task_id, **options)
        except self.OperationalError as error:
            # Accepted is accepted: the relay will publish it again.
            log.warning("broker out of reach", command_id=task_id, error=str(error))
            return self.AsyncResult(str(task_id))

    def run(self, /, *parent_result: Any, **fields: Any) -> dict[str, Any]:
        """Work off the inbox in which this command waits, and answer with what became of it."""
        command_id = command_id_of(str(self.request.id))
        if fields or by_position(parent_result):
            self._accept_on_arrival(command_id, fields)
        try:
            state = fleet.inbox.find(command_id)
            if state is None:
                raise self._too_early()
            worked = Worked()
            if state.is_open:
                worked = fleet.handler.work_off([state.aggregate_id], suspicious=self._suspicious())
                state = fleet.inbox.find(command_id) or state
        except (psycopg.Error, DBAPIError) as error:
            if not is_passing(error):
                raise
            raise self._again(2.0) from error
        doorbell.ring(worked.appended_types)
        if state.is_open:
            raise self._again(worked.again_in or 1.0)
        return self._conclude(state)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Celery's own takes `self` by name as well, and a message may bring a field called so."""
        return self.run(*args, **kwargs)

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:  # noqa: ARG002
        self._continued(task_id)

    def on_failure(self, exc: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:  # noqa: ARG002
        if isinstance(exc, TimeLimitExceeded):  # told by the parent: the child is no more
            wake(self.name, task_id, headers=REPUBLISHED)
            go_first()
            return
        self._answer_for_good(exc, task_id)
        self._continued(task_id)

    def _answer_for_good(self, error: Exception, task_id: str) -> None:
        """A message that failed before it was a command is gone now: its id keeps the answer."""
        command_id = command_id_of(task_id)
        if not isinstance(error, NeverAcceptedError) and fleet.inbox.find(command_id) is None:
            fleet.inbox.refuse(command_id, self.name, metadata_from({}, {}), describe(error))

    def _continued(self, task_id: str) -> None:
        """Chain and links are on their way; until this is noted they are sent again."""
        if self.request.get("fleetlog_continued"):
            fleet.inbox.continued(command_id_of(task_id))

    def _conclude(self, state: CommandState) -> dict[str, Any]:
        if state.continuation is not None:
            continuation.restore(state.continuation, self.request)
            held = state.status == "done" and continuation.hold(self.request, state.command_id)
            # A parked command may be retried, and what comes after it goes on then.
            self.request.update(fleetlog_continued=state.status != "parked" and not held)
        if state.status == "done":
            return state.result or {}
        raise self.backend.exception_to_python(as_exception(state))

    def _accept_on_arrival(self, command_id: UUID, fields: dict[str, Any]) -> None:
        """A bare `send_task` was not accepted by its sender, so we do it for him."""
        headers = self.request.headers
        claims = {**headers} if isinstance(headers, dict) else {}
        claims["correlation_id"] = self.request.get("fleetlog_correlation_id")
        metadata = metadata_from(claims, vars(self.request))
        try:
            self._accept_or_refuse(command_id, fields, metadata)
        except (psycopg.Error, DBAPIError) as error:  # neither is written down yet
            if not is_passing(error):
                raise
            raise back_whole(error) from error

    def _accept_or_refuse(
        self, command_id: UUID, fields: dict[str, Any], metadata: Metadata
    ) -> None:
        try:
            submission = Submission(
                command_id=command_id,
                command=make_command(self.name, fields),
                metadata=metadata,
                continuation=continuation.taken_from(self.request),
            )
            fleet.inbox.accept([submission])
        except (DomainError, UnstorableError) as error:
            fleet.inbox.refuse(command_id, self.name, metadata, describe(error))

    def _suspicious(self) -> bool:
        """Whether somebody may have died over this command before."""
        delivery = self.request.delivery_info or {}
        return bool(
            delivery.get("redelivered")
            or self.request.retries
            or self.request.get("fleetlog_republished")
        )

    def _too_early(self) -> Exception:
        tries = int(self.request.get("fleetlog_early") or 0)
        if tries >= EARLY_WAKE_UPS:
            return NeverAcceptedError()
        return self._again(1.0, fleetlog_early=tries + 1)

    def _again(self, countdown: float, **headers: Any) -> Retry:
        """Come back later, as a new message; the exception ends this one."""
        headers = headers or REPUBLISHED
        wake(self.name, str(self.request.id), countdown=countdown, headers=headers)
        return Retry(f"again in {countdown:g} s")


def back_whole(error: Exception) -> Reject:
    """
    Return what gives a message back to its queue, as it came, however often it takes.

    Nothing of it is written down yet, so nobody else could bring it again. The database is away:
    there is nothing better to do than to wait a little.
    """
    log.warning("the database is away, a message goes back whole", error=type(error).__name__)
    time.sleep(1.0)
    return Reject(str(type(error).__name__), requeue=True)


class NeverAcceptedError(Exception):
    """A wake-up for a command that is not in the table: its transaction was rolled back."""


def wake(command_type: str, command_id: UUID | str, **options: Any) -> None:
    """Publish a bare wake-up for an accepted command."""
    app.send_task(
        command_type,
        task_id=str(command_id),
        queue="commands",
        **SAYS_NOTHING,
        **options,
    )


def snake_case(command_type: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", command_type).lower()


def register_tasks() -> dict[str, CommandTask]:
    """Give every command that is declared its task; returns them by snake-case name."""
    load_domain()
    tasks = {}
    for aggregate in aggregates():
        for name, command in aggregate.command_classes.items():
            kind = type(name, (CommandTask,), {"name": name, "command": command})
            tasks[snake_case(name)] = app.register_task(kind())
    return tasks


TASKS = register_tasks()
TASKS_BY_NAME = {task.name: task for task in TASKS.values()}


def __getattr__(name: str) -> CommandTask:
    """`from workers.command_tasks import create_user`: tasks come from the registry."""
    try:
        return TASKS[name]
    except KeyError:
        raise AttributeError(f"no command is called {name!r}") from None
