"""Our end of the watchdog's pipe; see `watchdog.py`."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from workers.console import watchdog

PATIENCE = 5.0


class Watchdog:
    """Ends the processes it was told of, in case that we are killed before we can."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it where neither our signals nor our imports reach it."""
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", "-S", str(Path(watchdog.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def watch(self, group: int) -> None:
        """Put a process that leads a group of its own on the list."""
        self._write(f"+{group}\n")

    def forget(self, group: int) -> None:
        """Take it off the list."""
        self._write(f"-{group}\n")

    def stop(self) -> None:
        """Let it go. Whatever is still on its list, it ends."""
        if self._process:
            with suppress(OSError, subprocess.TimeoutExpired):
                self._process.communicate(timeout=PATIENCE)
            self._process = None

    def _write(self, line: str) -> None:
        # Should it have died, nobody watches over us; we go on all the same.
        with suppress(OSError):
            if self._process and self._process.stdin:
                self._process.stdin.write(line.encode())
                self._process.stdin.flush()
