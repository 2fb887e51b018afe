"""`after_projected`: a step of a chain that waits until read models show the command before it."""

import time
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import psycopg
import structlog
from celery import Task
from celery.canvas import Signature
from celery.exceptions import Ignore, Reject, Retry
from celery.result import AsyncResult
from kombu.exceptions import OperationalError
from sqlalchemy.exc import DBAPIError

from store import waiting
from store.errors import StoreError
from store.retry import is_passing
from store.waiting import NotProjectedInTimeError, Standing, Write
from workers import awaiting
from workers.app import app
from workers.command_tasks import SAYS_NOTHING
from workers.continuation import AFTER_PROJECTED
from workers.errors import UnsupportedOptionError
from workers.fleet import fleet
from workers.results import command_id_of

if TYPE_CHECKING:  # generic only in their stubs
    Step = Signature[Any]
    Result = AsyncResult[Any]
else:
    Step, Result = Signature, AsyncResult

log = structlog.get_logger(__name__)

# Looks of the first message, within it; a doorbell is mostly quicker than all of them.
FIRST_LOOKS = (0.0, 0.005, 0.01, 0.02)
FIRST_RETURN, LAST_RETURN = 0.05, 0.5  # seconds until a message comes back


def after_projected(*names: str, timeout: float = awaiting.WITHIN_SECONDS) -> "AfterProjected":
    """
    Return a signature for a chain, to go behind a command: the chain goes on when these
    projections show what that command appended, and with that command's result.

    It keeps no worker while it waits. After `timeout` seconds, counted from the step's first
    look, the chain ends with NotProjectedInTimeError, and at once with another
    NotProjectedError where waiting is in vain; `link_error` is told. Directly behind a command
    the chain stays in the command's row while it waits, safe from a broker that forgets; behind
    anything else, or as a link, the broker alone has it. What comes after it is sent at least
    once, each time with the same task id.

    Raises UnknownProjectionError.
    """
    if not names:
        raise ValueError("after_projected takes the name of a projection, or several")
    if not timeout >= 0:
        raise ValueError(f"timeout is {timeout!r}: it must be a number of seconds")
    fields = {"projections": list(awaiting.wanted(names)), "timeout": timeout}
    return AfterProjected(AFTER_PROJECTED, kwargs=fields, app=app)


class ProjectedResult(Result):
    """
    The result of that step in the hands of whoever sent the chain.

    Nothing is stored for it, so that its state stays PENDING. `.get()` waits for the command
    before it, then looks at the read models itself.
    """

    def __init__(self, id: str, *, step: Step | None = None, **options: Any) -> None:
        super().__init__(id, app=app, **options)
        self.step = step

    def get(self, timeout: float | None = None, **_: Any) -> Any:  # type: ignore[override]
        """
        Return the command's result when the read models show it.

        Without a timeout the step's own has to do: it never waits for ever.
        """
        if self.step is None or self.parent is None:
            raise UnsupportedOptionError(
                "get", "after_projected has a result in a chain only, behind a command"
            )
        fields = self.step.kwargs
        seconds = fields["timeout"] if timeout is None else timeout
        names = tuple(fields["projections"])
        return awaiting.until_projected(cast("Result", self.parent), names, seconds)


@Signature.register_type()
class AfterProjected(Step):
    """The signature; Celery copies it and reads it back from JSON, and it stays what it is."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self["subtask_type"] = type(self).__name__

    @classmethod
    def from_dict(cls, d: dict[str, Any], app: Any = None) -> "AfterProjected":
        """Make it from what another process was sent."""
        return cls(d, app=app)

    @property
    def AsyncResult(self) -> Any:  # noqa: N802 - Celery's name
        """What the chain makes its result with."""
        return partial(ProjectedResult, step=self)


class Waiting(Task):  # type: ignore[type-arg]
    """Its messages say nothing of whom they are about, and come back until their time is over."""

    abstract = True
    Request = "workers.redacting:CommandRequest"
    ignore_result = True
    max_retries = None
    throws = (StoreError, awaiting.NotReadError)

    def AsyncResult(self, task_id: str, **options: Any) -> Any:  # noqa: N802 - Celery's name
        """Return the handle of one that was not sent in a chain."""
        return ProjectedResult(task_id, **options)

    def apply_async(self, *args: Any, **options: Any) -> Any:
        """Publish without the arguments' texts, for the dashboard and the logs."""
        options |= SAYS_NOTHING
        return super().apply_async(*args, **options)

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:  # noqa: ARG002
        """What comes next is on its way."""
        let_go(kwargs)

    def on_failure(self, exc: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:  # noqa: ARG002
        """The chain has ended, and who wanted to know was told."""
        log.warning("a chain ends, its read model was not reached", error=type(exc).__name__)
        let_go(kwargs)

    def again(self, seconds: float, **kwargs: Any) -> Exception:
        """Come back later, as a new message; what is returned ends this one."""
        request = self.request
        fields = {**(request.kwargs or {}), **kwargs}
        retries = (request.retries or 0) + 1
        again = self.signature_from_request(kwargs=fields, countdown=seconds, retries=retries)
        try:
            again.apply_async()
        except OperationalError as error:
            log.warning("broker out of reach, the message goes back", error=str(error))
            return Reject("broker out of reach", requeue=True)
        return Retry(f"again in {seconds:g} s")


@app.task(name=AFTER_PROJECTED, base=Waiting, bind=True)
def wait(  # noqa: PLR0913, PLR0917 - the fields of its message
    self: Any,
    result: dict[str, Any],
    projections: list[str],
    timeout: float,
    deadline: float | None = None,
    held: str | None = None,
) -> dict[str, Any]:
    """
    Hand on the result of the command before us when these projections show it.

    `deadline` is in the database's time, from the first look on. `held`: the command whose row
    still holds the chain, which the relay sends again should we be lost.
    """
    if held is not None and not fleet.inbox.keep_continuation(command_id_of(held)):
        raise Ignore  # another message of this step was quicker
    names = awaiting.wanted(projections)
    write = written(result)
    if write is None:
        return result
    try:
        late = look(names, write, FIRST_LOOKS if deadline is None else FIRST_LOOKS[:1])
    except (psycopg.Error, DBAPIError) as error:
        if not is_passing(error):
            raise
        raise self.again(2.0) from error
    if not late:
        return result
    slowest = late[0]
    deadline = slowest.now + timeout if deadline is None else deadline
    left = deadline - slowest.now
    if left <= 0:
        raise NotProjectedInTimeError(slowest.projection, write.position, slowest.reached, timeout)
    raise self.again(min(pause_after(self.request.retries or 0), left), deadline=deadline)


def written(result: object) -> Write | None:
    if isinstance(result, dict) and result.keys() >= {"aggregate_id", "position", "events"}:
        return Write.of(result)
    raise TypeError("after_projected goes behind a command: it needs what that hands on")


def look(names: tuple[str, ...], write: Write, pauses: tuple[float, ...]) -> list[Standing]:
    """Return which projections are behind after these looks."""
    late: list[Standing] = []
    for pause in pauses:
        time.sleep(pause)
        late = waiting.behind(fleet.database, names, write)
        if not late:
            return []
    return late


def pause_after(returns: int) -> float:
    """Return how long to stay away this time: ever longer, up to half a second."""
    return float(min(FIRST_RETURN * 2 ** min(returns, 10), LAST_RETURN))


def let_go(fields: dict[str, Any]) -> None:
    """From here on the chain is Celery's: its command holds it no more."""
    held = fields.get("held")
    if held is not None:
        fleet.inbox.continued(command_id_of(str(held)))
