"""Processes that a test starts, watches, freezes and kills; none outlives its block."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.polling import eventually

ROOT = Path(__file__).parents[1]
START_SECONDS = 30.0
# What a developer has set for another fleet must not reach the one of a test.
OURS = ("FLEETLOG_", "CELERY_", "DATABASE_URL", "REDIS_URL", "CHECKPOINT_", "SNAPSHOT_")


class Process:
    """A Python process with all its children, in a group of its own; its output is in `log`."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**inherited, "PYTHONUNBUFFERED": "1", **environment},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def output(self) -> str:
        """All that it has said so far."""
        return self.log.read_text(errors="replace")

    @property
    def is_alive(self) -> bool:
        return self._popen.poll() is None

    def wait_for(self, words: str, timeout: float = START_SECONDS) -> None:
        """Wait until it has said these words; fails with all it said when it ends before."""
        over = f"{words!r} in {self.log}"
        eventually(lambda: words in self.output or not self.is_alive, timeout, saying=over)
        assert words in self.output, f"never said {words!r}, but:\n{self.output}"

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._popen.stdin
        self._popen.stdin.write(f"{line}\n".encode())
        self._popen.stdin.flush()

    def pause(self) -> None:
        """Freeze it, children included, as a machine that swaps or a debugger would."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Ask the process itself, not its children, to end."""
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it and its children without a word, and wait until it is gone."""
        self._signal(signal.SIGKILL)
        self._popen.wait()

    def wait(self, timeout: float = START_SECONDS) -> int:
        """Wait until it ends by itself; returns its exit status."""
        return self._popen.wait(timeout)

    def close(self) -> None:
        self.kill()
        if self._popen.stdin:
            with suppress(BrokenPipeError):
                self._popen.stdin.close()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


@contextmanager
def started(
    *arguments: str, environment: Mapping[str, str], log: Path, ready: str | None = None
) -> Iterator[Process]:
    """Run `python ARGUMENTS…` for the length of a block, once it has said that it is `ready`."""
    process = Process(arguments, environment, log)
    try:
        if ready is not None:
            process.wait_for(ready)
        yield process
    finally:
        process.close()
