"""Submitting typed commands, one or by the thousand, in a transaction of the caller's if wanted."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

import sqlalchemy as sa
import structlog
from celery.result import AsyncResult
from kombu.exceptions import OperationalError
from sqlalchemy.orm import Session

from domain.command import Command
from store.codec import Metadata
from store.engine import driver_connection
from store.inbox import Acceptance, Submission
from workers import awaiting
from workers.app import app
from workers.command_tasks import wake
from workers.fleet import fleet
from workers.relay import ranges

log = structlog.get_logger(__name__)

CHUNK = 1000
# What callers have accepted in transactions of their own that are still open.
unpublished: WeakKeyDictionary[sa.Connection, list[Submission]] = WeakKeyDictionary()


def submit(  # noqa: PLR0913 - an envelope has this many parts, all of them optional
    command: Command,
    *,
    command_id: UUID | None = None,
    actor: str | None = None,
    reason: str | None = None,
    correlation_id: str | None = None,
    causation_id: str | None = None,
    within: sa.Connection | Session | None = None,
    wait_for: str | Iterable[str] | None = None,
    timeout: float | None = None,
) -> "AsyncResult[Any]":
    """
    Accept a command and wake a worker for it; returns the handle of its result.

    The same `command_id` again is a repeat, and answers with the first result. `within` a
    transaction the command is accepted if that commits, and published when it does.

    `wait_for` names projections: it returns when the command is done and they show it, within
    `timeout` seconds (30 unless told), and raises what `until_projected` may.

    Raises InvalidFieldError, CommandIdReusedError, UnknownProjectionError, NotReadError or
    UnsupportedOptionError; nothing is accepted then.
    """
    names = awaiting.asked_for(wait_for, command, within=within, timeout=timeout)
    metadata = Metadata(
        actor=actor, reason=reason, correlation_id=correlation_id, causation_id=causation_id
    )
    submission = Submission(command_id=command_id or uuid4(), command=command, metadata=metadata)
    if within is None:
        fleet.inbox.accept([submission])
        publish(submission)
    else:
        connection = within.connection() if isinstance(within, Session) else within
        fleet.inbox.accept([submission], driver_connection(connection))
        on_commit(connection, submission)
    result: AsyncResult[Any] = AsyncResult(str(submission.command_id), app=app)
    if names:
        awaiting.until_projected(result, names, timeout)
    return result


def submit_many(submissions: Iterable[Submission]) -> Iterator[Acceptance]:
    """
    Accept commands in their order, a thousand in one transaction, and ring once per hundred.

    Yields what became of each, as it is written down. Raises like `submit`; the chunk with the
    fault is not accepted, those before it are.
    """
    waiting = iter(submissions)
    while chunk := list(islice(waiting, CHUNK)):
        accepted = fleet.inbox.accept(chunk)
        ring_for(accepted)
        yield from accepted


def ring_for(accepted: Iterable[Acceptance]) -> None:
    """Wake workers for those that are waiting; "accepted" may be ours, if an answer was lost."""
    waiting = [a.accepted_no for a in accepted if a.standing in {"new", "accepted"}]
    for first_no, last_no in ranges(waiting):
        try:
            app.send_task("commands.drain", (first_no, last_no), queue="commands")
        except OperationalError as error:
            log.warning("broker out of reach, the relay will see to it", error=str(error))
            return


def publish(submission: Submission) -> None:
    try:
        wake(submission.command.command_type, submission.command_id)
    except OperationalError as error:
        # Accepted is accepted: the relay will publish it again.
        log.warning("broker out of reach", command_id=str(submission.command_id), error=str(error))


def on_commit(connection: sa.Connection, submission: Submission) -> None:
    """
    Publish when the caller's transaction commits, forget it when that is rolled back.

    SQLAlchemy tells us just before the COMMIT; a wake-up that wins this race tries again.
    """
    if connection not in unpublished:
        # Once for each connection, and never taken back: its events may not be changed by their
        # own listeners.
        unpublished[connection] = []
        sa.event.listen(connection, "commit", publish_all)
        sa.event.listen(connection, "rollback", forget_all)
    unpublished[connection].append(submission)


def publish_all(connection: sa.Connection) -> None:
    waiting, unpublished[connection] = unpublished[connection], []
    for submission in waiting:
        publish(submission)


def forget_all(connection: sa.Connection) -> None:
    unpublished[connection] = []
