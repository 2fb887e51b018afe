"""Results for people, as a table, and for programs, as one JSON object a line."""

import json
import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import TextIO

from rich.console import Console
from rich.table import Table

from benchmarks.harness import Effort, Result

WIDTH = 150  # in a file; a terminal has its own


def line(result: Result, effort: Effort) -> str:
    """Return one result as JSON, with what is needed to judge it later."""
    circumstances = {
        "rounds": len(result.ratios),
        "quick": effort.quick,
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
    }
    return json.dumps({**asdict(result), "missed": result.missed, **circumstances})


def write(results: Iterable[Result], effort: Effort, file: TextIO) -> None:
    file.writelines(line(result, effort) + "\n" for result in results)


def show(results: Iterable[Result], file: TextIO = sys.stdout) -> None:
    """Print the table; where it is too wide, cells go on in a second line."""
    table = Table(title="rates a second, and the median of the ratios of each round")
    for name in ("question", "case", "unit", "ours", "against"):
        table.add_column(name, overflow="fold")
    for name in ("ours/s", "theirs/s", "ratio", "lowest", "highest", "floor"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        table.add_row(*cells(result), style="red" if result.missed else None)
    console = Console(file=file)
    if not console.is_terminal:
        console.width = WIDTH
    console.print(table)


def cells(result: Result) -> tuple[str, ...]:
    return (
        result.question,
        result.case,
        result.unit,
        result.ours,
        result.other,
        f"{result.ours_rate:,.0f}",
        f"{result.other_rate:,.0f}",
        f"{result.ratio:.2f}",
        f"{min(result.ratios):.2f}",
        f"{max(result.ratios):.2f}",
        "" if result.floor is None else f"{result.floor:.2f}{' MISSED' if result.missed else ''}",
    )
