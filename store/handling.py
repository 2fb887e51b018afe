"""How often a command is tried, and when it is set aside."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from store.command_codec import describe
from store.deciding import Failure
from store.draining import Drain, Drained
from store.errors import AggregateTypeError, StoreError
from store.inbox import Inbox
from store.retry import refuses_row

BATCH = 100


@dataclass
class Worked:
    """`again_in`: seconds after which a failing inbox deserves another try; None: all settled."""

    appended_types: set[str] = field(default_factory=set)
    settled: set[UUID] = field(default_factory=set)
    again_in: float | None = None

    def add(self, drained: Drained) -> None:
        self.appended_types |= drained.appended_types
        self.settled |= drained.settled


class CommandHandler:
    """
    Works off inboxes; a command that keeps failing is parked, those behind it go on.

    The first try is free, which keeps the common case at one commit. Every try after a failure,
    a redelivery or a republication is counted by a commit of its own before it is made, each
    command alone: a crash could not count itself, and must not be charged to its neighbours.
    """

    def __init__(self, inbox: Inbox, drain: Drain, *, max_attempts: int) -> None:
        self._inbox = inbox
        self._drain = drain
        self._max_attempts = max_attempts

    def work_off(self, aggregate_ids: Sequence[str], *, suspicious: bool) -> Worked:
        """Settle what waits in these inboxes; `suspicious` after anything but a first delivery."""
        worked = Worked()
        if suspicious:
            for aggregate_id in aggregate_ids:
                self._one_by_one(aggregate_id, worked)
        elif len(aggregate_ids) == 1:
            self._together(aggregate_ids, worked, wait=True)
        else:
            # First those that nobody else drains, then wait for the rest.
            skipped = [
                id
                for start in range(0, len(aggregate_ids), BATCH)
                for id in self._together(aggregate_ids[start : start + BATCH], worked, wait=False)
            ]
            for aggregate_id in skipped:
                self._together([aggregate_id], worked, wait=True)
        return worked

    def _together(self, aggregate_ids: Sequence[str], worked: Worked, *, wait: bool) -> list[str]:
        """Settle many inboxes at once; returns those that somebody else drains."""
        open_ids = list(aggregate_ids)
        while open_ids:
            try:
                drained = self._drain.run(open_ids, wait=wait, limit=BATCH)
            except (StoreError, psycopg.DatabaseError) as error:
                if not is_to_blame(error):
                    raise
                for aggregate_id in open_ids:  # one of them is at fault: find out which
                    self._one_by_one(aggregate_id, worked)
                return []
            worked.add(drained)
            failed = {id: self._charged(f, worked) for id, f in drained.failures.items()}
            open_ids = [id for id in open_ids if not failed.get(id)]
            if not drained.more and all(failed.values()):
                return drained.skipped
        return []

    def _one_by_one(self, aggregate_id: str, worked: Worked) -> None:
        """Settle one inbox, each command charged before it runs, alone."""
        while (head := self._inbox.head(aggregate_id)) is not None:
            command_id, attempts = head
            if attempts >= self._max_attempts:
                self._inbox.set_aside(command_id, "parked", describe(WorkerDiedError(attempts)))
                continue
            charged = self._inbox.charge(command_id)
            for error in self._alone(aggregate_id, command_id, worked):
                if self._failed(command_id, error, charged, worked):
                    return

    def _alone(self, aggregate_id: str, command_id: UUID, worked: Worked) -> list[Exception]:
        try:
            drained = self._drain.run([aggregate_id], wait=True, limit=1, only=command_id)
        except (StoreError, psycopg.DatabaseError) as error:
            if is_to_blame(error):
                return [error]
            self._inbox.excuse(command_id)  # we are alive, and the fault is not the command's
            raise
        worked.add(drained)
        return [failure.error for failure in drained.failures.values()]

    def _charged(self, failure: Failure, worked: Worked) -> bool:
        """Count a first try that failed; returns whether its inbox has to wait."""
        command_id = failure.waiting.command_id
        return self._failed(command_id, failure.error, self._inbox.charge(command_id), worked)

    def _failed(
        self, command_id: UUID, error: Exception, attempts: int | None, worked: Worked
    ) -> bool:
        """Note the failure; returns whether its inbox has to wait for another try."""
        if isinstance(error, AggregateTypeError):  # found on loading; no other try can help
            self._inbox.set_aside(command_id, "rejected", describe(error))
            return False
        self._inbox.note_failure(command_id, describe(error))
        if attempts is None or attempts >= self._max_attempts:
            self._inbox.set_aside(command_id, "parked", None)
            return False
        worked.again_in = max(worked.again_in or 0.0, 2.0 ** (attempts - 1))
        return True


def is_to_blame(error: Exception) -> bool:
    """Whether the command or its data is at fault, not the database or its schema."""
    return isinstance(error, StoreError) or (
        isinstance(error, psycopg.DatabaseError) and refuses_row(error)
    )


class WorkerDiedError(Exception):
    """Why a command is parked that never raised anything."""

    def __init__(self, attempts: int) -> None:
        super().__init__(attempts)
        self.attempts = attempts

    def __str__(self) -> str:
        return f"the worker handling it died or was cut off, {self.attempts} times in a row"
