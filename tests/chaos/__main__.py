"""`python -m tests.chaos`: break a fleet for some minutes, and see whether anything is lost."""

import argparse
import json
import secrets
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

from tests.chaos.plan import GOALS
from tests.chaos.report import Report
from tests.chaos.run import run


def main() -> int:
    arguments = parsed()
    goals = GOALS[arguments.goals]
    if arguments.seconds:
        goals = replace(goals, seconds=arguments.seconds, longest=2 * arguments.seconds)
    seed = secrets.randbelow(2**31) if arguments.seed is None else arguments.seed
    folder = Path(mkdtemp(prefix="fleetlog-"))
    report = run(goals, seed, folder)
    print(report)
    if arguments.json:
        arguments.json.write_text(json.dumps(report.as_dict(), indent=2) + "\n")
    return close(report, folder, arguments.keep, arguments.seconds)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="of a run to be repeated; drawn if not given")
    parser.add_argument("--goals", choices=GOALS, default="ten", help="what must be done at least")
    parser.add_argument("--seconds", type=float, help="how long faults are injected")
    parser.add_argument("--keep", type=Path, help="a folder for history and logs, kept in any case")
    parser.add_argument("--json", type=Path, help="a file for the report")
    return parser.parse_args()


def close(report: Report, folder: Path, keep: Path | None, seconds: float | None = None) -> int:
    """Keep history and logs when they are wanted or needed; returns the exit status."""
    if keep or not report.is_clean:
        kept = keep or folder.with_name(f"chaos-{report.seed}")
        kept.mkdir(parents=True, exist_ok=True)
        save(folder, kept)
        print(f"history and logs are in {kept}")
    shutil.rmtree(folder, ignore_errors=True)
    if report.is_clean:
        return 0
    print(f"run it again with: {again(report, seconds)}")
    return 1


def again(report: Report, seconds: float | None) -> str:
    """Return the command that repeats a run: its seed, its goals, and how long it was to last."""
    lasting = f" --seconds {seconds:g}" if seconds else ""
    return f"make chaos CHAOS={report.goals} ARGS='--seed {report.seed}{lasting}'"


def save(folder: Path, kept: Path) -> None:
    """Copy what was written by and about the processes, not the data of the servers."""
    for path in folder.iterdir():
        if path.is_file() and not path.name.endswith(".lock"):
            shutil.copy(path, kept)


if __name__ == "__main__":
    sys.exit(main())
