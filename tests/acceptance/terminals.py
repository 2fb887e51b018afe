"""A terminal: a shell that remembers where it is, for whoever follows a page command by command."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import IO

import psutil

MARK = "--- and that is all ---"


class Terminal:
    """A shell; what its commands print on either stream comes together, as on a screen."""

    def __init__(self, shell: "subprocess.Popen[str]") -> None:
        self._shell = shell
        assert shell.stdin
        assert shell.stdout
        self._keys: IO[str] = shell.stdin
        self._screen: IO[str] = shell.stdout

    def run(self, command: str) -> str:
        """Run a command to its end; returns what it printed."""
        self._type(command)
        return self._read(MARK)

    def start(self, command: str, ready: str) -> str:
        """Start one that goes on, and return what it printed until it said that it is `ready`."""
        self._type(command)
        return self._read(ready) + f"{ready}\n"

    def interrupt(self) -> str:
        """Press Ctrl-C, wait for the end, and return what it printed meanwhile."""
        for child in psutil.Process(self._shell.pid).children():
            child.send_signal(signal.SIGINT)
        return self._read(MARK)

    def _type(self, command: str) -> None:
        self._keys.write(f"{{ {command}\n}} < /dev/null; echo '{MARK}'\n")
        self._keys.flush()

    def _read(self, end: str) -> str:
        printed = ""
        while (line := self._screen.readline()) != f"{end}\n":
            assert line, f"the terminal was closed after:\n{printed}"
            printed += line
        return printed


@contextmanager
def a_terminal(folder: Path, environment: Mapping[str, str], seconds: float) -> Iterator[Terminal]:
    """Lend a terminal; everything in it is killed at the end, or when the time is over."""
    with subprocess.Popen(
        ["/bin/bash", "--norc", "--noprofile"],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
        start_new_session=True,
    ) as shell:
        watchdog = Timer(seconds, killed, (shell.pid,))
        watchdog.start()
        try:
            yield Terminal(shell)
        finally:
            watchdog.cancel()
            killed(shell.pid)


def killed(pid: int) -> None:
    """SIGKILL to a shell and everything that it started, sessions of their own included."""
    try:
        family = [psutil.Process(pid)]
        family += family[0].children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            os.kill(member.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
