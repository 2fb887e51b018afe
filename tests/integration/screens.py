"""`fleetlog` as a person calls it: in this process where that will do, else in its own."""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import structlog
from click.testing import CliRunner

from tests.processes import OURS, ROOT
from workers.cli import cli


@dataclass(frozen=True)
class Told:
    """What a person reads, and what a script gets."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def told(*arguments: str, input: str | bytes | None = None) -> Told:
    """Run it on the servers that this process is connected to; a bug keeps its traceback."""
    with untouched():
        result = CliRunner().invoke(cli, list(arguments), input=input)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Told(result.exit_code, result.stdout, result.stderr)


@contextmanager
def untouched() -> Iterator[None]:
    """Undo what the command line does to a process that it thinks is its own."""
    root, configured = logging.getLogger(), structlog.get_config()
    handlers, level, path = list(root.handlers), root.level, list(sys.path)
    root.handlers[:] = []
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.configure(**configured)
        sys.path[:] = path


@contextmanager
def running(
    *arguments: str,
    environment: Mapping[str, str],
    stdout: int | IO[str] = subprocess.PIPE,
    stderr: int | IO[str] = subprocess.PIPE,
) -> Iterator["subprocess.Popen[str]"]:
    """Run it as a process of its own; killed at the end of the block if it still runs."""
    inherited = {name: v for name, v in os.environ.items() if not name.startswith(OURS)}
    with subprocess.Popen(
        [sys.executable, "-m", "workers.cli", *arguments],
        cwd=ROOT,
        env={**inherited, **environment},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def interrupted(process: "subprocess.Popen[str]") -> Told:
    """Press Ctrl-C, and return what it then said."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return Told(process.returncode, out or "", err or "")
