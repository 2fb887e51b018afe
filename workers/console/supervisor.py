"""Keeping the fleet's processes running: started, started again, and ended in good order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from workers.console.logs import LogTail
from workers.console.watching import Watchdog
from workers.embedded.daemon import open_log

STOP_SECONDS = 15.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
MANY_ENDS = 4  # the pause doubles: after so many of the first one it ended twice
STEADY_SECONDS = 60.0  # a process that ran for so long has its earlier ends forgiven
POLL = 0.1


@dataclass(frozen=True)
class Program:
    """What to run: Celery's arguments, and what to add to the environment."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> list[str]:
        """Return the command line; it shows in `ps`, so it holds no secret."""
        return [sys.executable, "-m", "celery", "-q", "-A", "workers.app", *self.arguments]


class Reporter(Protocol):
    """Who hears what the processes say, and what becomes of them."""

    def line(self, name: str, line: str) -> None:
        """Show a line that a process wrote."""

    def news(self, name: str, news: str) -> None:
        """Tell what happened to a process."""


class Child:
    """One program and the process that runs it now, if any."""

    def __init__(self, program: Program, log: Path, *, verbose: bool) -> None:
        self.name = program.name
        self.process: subprocess.Popen[bytes] | None = None
        self.again_at = 0.0
        self.pause = FIRST_PAUSE
        self._program = program
        self._log = log
        self._verbose = verbose
        self._tail: LogTail | None = None
        self._started_at = 0.0

    def start(self) -> int:
        """Start it in a session of its own, where the terminal's Ctrl-C does not reach it."""
        with open_log(self._log) as output:
            self._tail = LogTail(self._log, everything=self._verbose)
            self.process = subprocess.Popen(  # noqa: S603 - our own programs
                self._program.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self._program.environment},
            )
        self._started_at = time.monotonic()
        return self.process.pid

    def lines(self) -> Iterator[str]:
        """Yield what it has to say."""
        if self._tail:
            yield from self._tail.lines()

    def last_words(self) -> Iterator[str]:
        """Yield what else it had to say, once it has ended."""
        if self._tail:
            yield from self._tail.last_words()
        self._tail = None

    def buried(self) -> None:
        """Plan the next start: soon at first, then ever later."""
        if time.monotonic() - self._started_at > STEADY_SECONDS:
            self.pause = FIRST_PAUSE
        self.process = None
        self.again_at = time.monotonic() + self.pause
        self.pause = min(2 * self.pause, LONGEST_PAUSE)


class Supervisor:
    """
    Runs programs until it is left, and leaves none behind.

    Should we be killed, a watchdog ends them for us.
    """

    def __init__(
        self, programs: Sequence[Program], logs: Path, reporter: Reporter, *, verbose: bool = False
    ) -> None:
        logs.mkdir(mode=0o700, exist_ok=True)
        self.children = [
            Child(program, logs / f"{program.name}.log", verbose=verbose) for program in programs
        ]
        self._reporter = reporter
        self._watchdog = Watchdog()

    def __enter__(self) -> Self:
        self._watchdog.start()
        try:
            for child in self.children:
                self._watchdog.watch(child.start())
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def failing(self) -> bool:
        """Say whether a process ends again and again."""
        return any(child.pause >= MANY_ENDS * FIRST_PAUSE for child in self.children)

    def run(self, until: Callable[[], bool], *, seconds: float | None = None) -> bool:
        """Keep the processes running until something is true; returns whether it was in time."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not until():
            self.tick()
            if deadline is not None and time.monotonic() > deadline:
                return False
            time.sleep(POLL)
        return True

    def tick(self) -> None:
        """Show what the processes said, and start again what has ended."""
        for child in self.children:
            for line in child.lines():
                self._reporter.line(child.name, line)
            if child.process is None:
                if time.monotonic() >= child.again_at:
                    self._watchdog.watch(child.start())
            elif (status := child.process.poll()) is not None:
                self._watchdog.forget(child.process.pid)
                self._ended(child, status)

    def _ended(self, child: Child, status: int) -> None:
        if child.process:
            kill_group(child.process.pid)
        for line in child.last_words():
            self._reporter.line(child.name, line)
        pause = child.pause
        child.buried()
        self._reporter.news(child.name, f"{ending(status)}; starting it again in {pause:g} s")

    def stop(self) -> None:
        """Ask all to end and give them time; what is left is killed. A second Ctrl-C kills now."""
        running = [child.process for child in self.children if child.process]
        with suppress(KeyboardInterrupt):
            for process in running:
                process.terminate()
            deadline = time.monotonic() + STOP_SECONDS
            while any(p.poll() is None for p in running) and time.monotonic() < deadline:
                time.sleep(POLL)
        for process in running:
            kill_group(process.pid)
            process.wait()
            self._watchdog.forget(process.pid)
        for child in self.children:
            child.process = None
            for _ in child.last_words():
                pass
        self._watchdog.stop()


def kill_group(leader: int) -> None:
    """Kill a process that leads its own group, or what it left behind."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def ending(status: int) -> str:
    """Say how a process ended."""
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"
