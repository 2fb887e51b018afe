"""Copies of the project, and pytest in them."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutants.reading import CannotRunError, Red, read_report

ROOT = Path(__file__).parents[2]
# Hidden things (the environment, the history, the embedded servers' data) and what is made anew.
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "build", "dist")
LIMIT_SECONDS = 240.0
PACKAGES = ("domain", "store", "workers", "tests", "beat_schedule")
WHERE = "import importlib, sys; [print(importlib.import_module(n).__file__) for n in sys.argv[1:]]"


@contextmanager
def copied(root: Path) -> Iterator[Path]:
    """Lend a copy of the project, to be changed at will."""
    with TemporaryDirectory(prefix="fleetlog-mutant-") as place:
        copy = Path(place).resolve() / "project"
        shutil.copytree(root, copy, ignore=LEFT_OUT)
        yield copy


def environment(copy: Path) -> dict[str, str]:
    """
    Have the copy's modules imported, by the tests and by every process that they start.

    The project may be installed in editable mode, so that its packages are importable anyway.
    """
    return {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}


def require_own_modules(copy: Path, names: Sequence[str] = PACKAGES) -> None:
    """Raise CannotRunError unless it is the copy that is imported there."""
    asked = subprocess.run(
        [sys.executable, "-c", WHERE, *names],
        cwd=copy,
        env=environment(copy),
        capture_output=True,
        text=True,
        check=False,
    )
    places = asked.stdout.split()
    strangers = [place for place in places if not Path(place).resolve().is_relative_to(copy)]
    if asked.returncode or len(places) != len(names) or strangers:
        raise CannotRunError(f"not the copy is imported: {strangers or asked.stderr[-500:]}")


def run(copy: Path, tests: Sequence[str], seconds: float = LIMIT_SECONDS) -> list[Red]:
    """Run these tests in the copy; returns those that are red. Raises CannotRunError."""
    report = copy / "report.xml"
    options = ("-vv", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *options, f"--junitxml={report}", *tests]
    log = copy / "pytest.log"
    with log.open("wb") as output:
        pytest = subprocess.Popen(
            command, cwd=copy, env=environment(copy), stdout=output, stderr=subprocess.STDOUT
        )
        try:
            status = pytest.wait(seconds)
        except subprocess.TimeoutExpired:
            end(pytest)
            raise CannotRunError(f"not finished within {seconds:g} s") from None
    if status not in {0, 1} or not report.exists():
        said = log.read_text(encoding="utf-8", errors="replace")
        raise CannotRunError(f"pytest ended with {status}: {said[-1500:]}")
    return read_report(report, len(tests))


def end(pytest: "subprocess.Popen[bytes]", seconds: float = 60.0) -> None:
    """Interrupt it, so that its fixtures take their servers and processes away; then kill it."""
    pytest.send_signal(signal.SIGINT)
    try:
        pytest.wait(seconds)
    except subprocess.TimeoutExpired:
        pytest.kill()
        pytest.wait()
