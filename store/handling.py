"""How often a command is tried, and when it is set aside."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from store.command_codec import describe
from store.deciding import Failure, Waiting
from store.draining import TOO_SLOW, Drain, Drained
from store.errors import AggregateTypeError, StoreError
from store.inbox import Inbox
from store.retry import refuses_row

BATCH = 100


@dataclass
class Worked:
    """`again_in`: seconds after which a failed inbox deserves another try; None: all settled."""

    appended_types: set[str] = field(default_factory=set)
    settled: set[UUID] = field(default_factory=set)
    again_in: float | None = None

    def add(self, drained: Drained) -> None:
        self.appended_types |= drained.appended_types
        self.settled |= drained.settled
        for rest in drained.resting.values():
            self.come_back(rest)

    def come_back(self, seconds: float) -> None:
        """Note that an inbox has to wait so long."""
        self.again_in = max(self.again_in or 0.0, seconds)


class CommandHandler:
    """
    Works off inboxes; a command that keeps failing is parked, those behind it go on.

    The first try is free, which keeps the common case at one commit. Every try after a failure,
    a redelivery or a republication is counted by a commit of its own before it is made, each
    command alone: a crash could not count itself, and must not be charged to its neighbours.
    """

    def __init__(
        self, inbox: Inbox, drain: Drain, *, max_attempts: int, first_pause: float = 1.0
    ) -> None:
        self._inbox = inbox
        self._drain = drain
        self._max_attempts = max_attempts
        self._first_pause = first_pause

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
            for aggregate_id in drained.suspects:
                self._one_by_one(aggregate_id, worked)
            left = {id for id, waits in failed.items() if waits}
            left |= {*drained.resting, *drained.suspects}
            open_ids = [id for id in open_ids if id not in left]
            if not drained.more and all(failed.values()):
                return drained.skipped
        return []

    def _one_by_one(self, aggregate_id: str, worked: Worked) -> None:
        """Settle one inbox, each command charged before it runs, alone."""
        waiting = True
        while waiting:
            turn = Turn(self._inbox, self._max_attempts)
            drained = self._alone(aggregate_id, turn)
            waiting = drained.seen > 0
            worked.add(drained)
            for failure in drained.failures.values():
                if self._failed(failure.waiting.command_id, failure.error, turn.attempts, worked):
                    return

    def _alone(self, aggregate_id: str, turn: "Turn") -> Drained:
        """Settle the first command of an inbox, if any waits."""
        try:
            return self._drain.run([aggregate_id], wait=True, limit=1, admit=turn.admit)
        except (StoreError, psycopg.DatabaseError) as error:
            if turn.waiting is None:
                raise
            if is_to_blame(error):
                return Drained(failures={aggregate_id: Failure(turn.waiting, error)}, seen=1)
            self._inbox.excuse(turn.waiting.command_id)  # we live, and it was not its fault
            raise

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
        # Each pause is twice as long as the one before.
        pause = self._first_pause * 2.0 ** ((attempts or 1) - 1)
        self._inbox.note_failure(command_id, describe(error), pause)
        if attempts is None or attempts >= self._max_attempts:
            self._inbox.set_aside(command_id, "parked", None)
            return False
        worked.come_back(pause)
        return True


class Turn:
    """
    One counted attempt at the first command of an inbox.

    It is counted while the inbox is locked: by the one who is about to run the command, not by
    all who wait for it. On a connection of its own, so that the count outlives a crash.
    """

    def __init__(self, inbox: Inbox, max_attempts: int) -> None:
        self._inbox = inbox
        self._max_attempts = max_attempts
        self.waiting: Waiting | None = None
        self.attempts: int | None = None

    def admit(self, waiting: Waiting) -> bool:
        """Charge the command, once however often it is asked; park it if it was tried enough."""
        if self.waiting is not None and self.waiting.command_id == waiting.command_id:
            return True
        if waiting.attempts >= self._max_attempts:
            died = describe(WorkerDiedError(waiting.attempts))
            self._inbox.set_aside(waiting.command_id, "parked", died)
            return False
        self.waiting = waiting
        self.attempts = self._inbox.charge(waiting.command_id)
        return self.attempts is not None


def is_to_blame(error: Exception) -> bool:
    """Whether the command is at fault (its data, its slowness), not the database or its schema."""
    return isinstance(error, StoreError) or (
        isinstance(error, psycopg.DatabaseError)
        and (refuses_row(error) or error.sqlstate in TOO_SLOW)
    )


class WorkerDiedError(Exception):
    """Why a command is parked that never raised anything."""

    def __init__(self, attempts: int) -> None:
        super().__init__(attempts)
        self.attempts = attempts

    def __str__(self) -> str:
        return f"the worker handling it died or was cut off, {self.attempts} times in a row"
