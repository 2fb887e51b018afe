"""A file of commands: accepted a thousand at a time, and if wanted waited for."""

import time
from collections.abc import Iterator
from typing import TypeAlias

from domain.errors import DomainError
from store.errors import CommandIdReusedError, UnstorableError
from store.inbox import Acceptance, Submission
from workers import awaiting
from workers.console.bars import Bar, Bars
from workers.console.endings import Failure, Interrupted
from workers.console.faults import Faults
from workers.console.lines import BadLineError, Envelope, Source, opened, submission
from workers.console.output import counted
from workers.console.settling import Settling
from workers.console.showing import until_shown
from workers.console.summary import tell
from workers.console.wanted import Wanted
from workers.fleet import fleet
from workers.submitting import CHUNK, ring_for, submit_many

LOOK_EVERY = 0.25  # seconds between two looks at the outcomes while we still submit
POLL = 0.1
QUIET = 10.0  # seconds without an outcome after which we ask whether a worker runs

# What one command alone can be refused for, in a chunk whose others are well.
REFUSED = (DomainError, CommandIdReusedError, UnstorableError)

Numbered: TypeAlias = tuple[int, Submission]


def submit_file(path: str, envelope: Envelope, wanted: Wanted) -> bool:
    """Submit a file's commands; returns whether all of them were accepted, or done if waited."""
    names = awaiting.wanted(wanted.wait_for)
    run = FileRun(envelope, wanted)
    start = time.monotonic()
    with opened(path) as source, Bars() as bars:
        run.submit(source, bars)
        if wanted.waits:
            run.wait(bars, names)
    seconds = time.monotonic() - start
    return tell(run.settling, run.faults, seconds, waited=wanted.waits, as_json=wanted.as_json)


class FileRun:
    """One way through a file."""

    def __init__(self, envelope: Envelope, wanted: Wanted) -> None:
        self.settling = Settling(keep=bool(wanted.wait_for))
        self._faults = Faults(passed_over=wanted.skip_bad)
        self._envelope = envelope
        self._wanted = wanted

    @property
    def faults(self) -> int:
        """How many lines were passed over."""
        return self._faults.count

    @property
    def accepted(self) -> int:
        """How many commands are in the store now, repeats included."""
        return self.settling.new + self.settling.repeats

    def submit(self, source: Source, bars: Bars) -> None:
        """Accept all that the file holds; raises Failure at a bad line unless they are skipped."""
        bar = bars.bar("accepted")
        lines = iter(source)
        last_look = time.monotonic()
        try:
            while self._faults.stop is None and (chunk := self._chunk(lines)):
                self.settling.add(self._accept(chunk))
                bar.at(self.accepted, source.estimate(self.accepted))
                if self._wanted.waits and time.monotonic() - last_look > LOOK_EVERY:
                    self.settling.look()
                    last_look = time.monotonic()
        except KeyboardInterrupt:
            raise Interrupted(f"{self._kept()}; run this again to go on") from None
        if self._faults.stop is not None:
            raise Failure(
                f"{self._faults.stop}. {self._kept()} before it; mend the line and run this again, "
                "or pass over such lines with --skip-bad"
            )
        bar.at(self.accepted, self.accepted)

    def wait(self, bars: Bars, names: tuple[str, ...]) -> None:
        """Return when none of the commands waits any more, and these projections show it."""
        timeout = self._wanted.timeout
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            self._until_settled(bars.bar("settled", self.accepted), deadline)
            until_shown(names, self.settling.kept, bars, deadline)
        except KeyboardInterrupt:
            raise Interrupted(f"{self._kept()} and will take effect") from None

    def _until_settled(self, bar: Bar, deadline: float | None) -> None:
        last_change = time.monotonic()
        settled, note = -1, ""
        while True:
            self.settling.look()
            now = time.monotonic()
            if self.settling.settled != settled:
                settled, note, last_change = self.settling.settled, "", now
            elif now - last_change > QUIET and not note:
                note = "does a worker run?"
            bar.at(settled, self.accepted, note)
            if not self.settling.waiting:
                return
            if deadline is not None and now > deadline:
                raise Failure(
                    f"{counted(self.settling.waiting, 'command')} had no outcome after "
                    f"{self._wanted.timeout:g} s; {self._kept()}. Does a worker run? Ask: "
                    "fleetlog status"
                )
            time.sleep(POLL)

    def _chunk(self, lines: Iterator[tuple[int, bytes]]) -> list[Numbered]:
        """Return the next commands; those before a line that stops us are accepted all the same."""
        chunk: list[Numbered] = []
        while len(chunk) < CHUNK and self._faults.stop is None:
            try:
                number, text = next(lines)
                chunk.append((number, submission(number, text, self._envelope)))
            except StopIteration:
                break
            except BadLineError as error:
                self._faults.note(error)
        return chunk

    def _accept(self, chunk: list[Numbered]) -> list[Acceptance]:
        try:
            return list(submit_many(one for _, one in chunk))
        except REFUSED:
            return self._one_by_one(chunk)

    def _one_by_one(self, chunk: list[Numbered]) -> list[Acceptance]:
        """Find the command that cannot be accepted; the whole chunk was taken back with it."""
        answers: list[Acceptance] = []
        for number, one in chunk:
            try:
                answers += fleet.inbox.accept([one])
            except REFUSED as error:
                self._faults.note(BadLineError(number, str(error)))
            if self._faults.stop is not None:
                break
        ring_for(answers)
        return answers

    def _kept(self) -> str:
        return f"{counted(self.accepted, 'command')} accepted and kept"
