"""A server that outlives the process which started it."""

import fcntl
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from workers.embedded.errors import EmbeddedServerError
from workers.embedded.flock import open_lock, try_lock, unlock, wait_until
from workers.embedded.places import Account

START_SECONDS = 60  # recovery after a crash takes its time
LOG_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """
    A server process, known by a lock.

    The server and all its children inherit the open lock file, so it is alive exactly as long as
    the lock is taken: true after a crash, for a zombie and when its process id is another's now.
    Whoever starts or stops one must be alone in doing so.
    """

    name: str
    lock: Path
    log: Path
    pid_file: Path

    def alive(self) -> bool:
        lock = open_lock(self.lock)
        try:
            return not try_lock(lock, fcntl.LOCK_SH)
        finally:
            unlock(lock)

    def launch(self, command: Sequence[str | Path], account: Account | None = None) -> None:
        """
        Start the server in a session of its own, where no Ctrl-C of a terminal reaches it.

        The shell ends at once and leaves it to the system, so it is nobody's child: not killed
        with a family of processes, nor waited for by one.
        """
        lock = open_lock(self.lock)
        try:
            if not try_lock(lock, fcntl.LOCK_EX):
                raise EmbeddedServerError(self.name, "runs already", self.log)
            execute(["/bin/sh", "-c", '"$@" &', "sh", *command], self.log, account, hand_over=lock)
        finally:
            os.close(lock)  # closed, not unlocked: the lock is the server's now

    def run(self, ready: Callable[[], bool], launch: Callable[[], None]) -> None:
        """Return when `ready`; `launch` if it is not alive, once. It may be alive and starting."""
        launched = False

        def started() -> bool:
            nonlocal launched
            if ready():
                return True
            if not self.alive():
                if launched:
                    raise EmbeddedServerError(self.name, "ended while it started", self.log)
                launch()
                launched = True
            return False

        if not wait_until(started, seconds=START_SECONDS):
            problem = f"does not answer after {START_SECONDS} s"
            raise EmbeddedServerError(self.name, problem, self.log)

    def stop(self, steps: Sequence[tuple[signal.Signals, float]]) -> None:
        """Send each signal, the gentle one first, and give it so many seconds to work."""
        if not any(self.ends(step, seconds) for step, seconds in steps):
            raise EmbeddedServerError(self.name, "does not stop", self.log)

    def ends(self, step: signal.Signals, seconds: float) -> bool:
        sent = False

        def gone() -> bool:
            nonlocal sent
            if not self.alive():
                return True
            sent = sent or self.send(step)  # just started, it may have no process id yet
            return False

        return wait_until(gone, seconds=seconds)

    def send(self, signal_: signal.Signals) -> bool:
        """Signal the living server; return whether it could be reached."""
        try:
            os.kill(int(self.pid_file.read_text().split()[0]), signal_)
        except (FileNotFoundError, IndexError, ValueError, ProcessLookupError):
            return False
        return True


def execute(
    command: Sequence[str | Path],
    log: Path,
    account: Account | None,
    *,
    hand_over: int | None = None,
) -> bool:
    """Run a program to its end, away from our terminal and as that user; say if it went well."""
    with open_log(log) as output:
        done = subprocess.run(  # noqa: S603 - programs of the wheels, and arguments of our own
            command,
            check=False,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=() if hand_over is None else (hand_over,),
            start_new_session=True,
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    return done.returncode == 0


def open_log(path: Path) -> BinaryIO:
    """Open a log that only its owner reads; set a long one aside and forget the one before."""
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(".log.old"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
