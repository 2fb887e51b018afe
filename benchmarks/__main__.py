"""`python -m benchmarks [NAME…]`: every question, or those named."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TextIO

import click

from benchmarks import report
from benchmarks.harness import QUICK, THOROUGH, Answers, Effort, Result

QUESTIONS = ("append", "load", "catch_up", "command", "freshness", "rebuild")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(QUESTIONS), metavar="[NAME]...")
@click.option("--quick", is_flag=True, help="Fewer and shorter rounds, less data.")
@click.option("--json", "file", metavar="FILE", help="Also write one JSON object a result; - here.")
@click.option("--no-floors", is_flag=True, help="Only look: a missed floor is no failure.")
def main(names: Sequence[str], *, quick: bool, file: str | None, no_floors: bool) -> None:
    """
    Measure fleetlog against the bare driver on the same server, side by side.

    Questions: append, load, catch_up, command, freshness, rebuild; all of them when none is named.
    Exits with 1 when a ratio is below its floor.
    """
    effort = QUICK if quick else THOROUGH
    results: list[Result] = []
    with opened(file) as lines:
        for name in names or QUESTIONS:
            for result in asked(name, effort):
                results.append(result)
                if lines:
                    report.write([result], effort, lines)
                    lines.flush()
    report.show(results, sys.stderr if file == "-" else sys.stdout)
    missed = [result for result in results if result.missed]
    if missed and not no_floors:
        sys.exit(1)


def asked(name: str, effort: Effort) -> Answers:
    """Ask one question; its module is loaded only now, and tells of each answer."""
    click.echo(f"{name} ...", err=True)
    for result in import_module(f"benchmarks.{name}").ask(effort):
        click.echo(f"{name}: {result.case}, {result.ours}: {result.ratio:.2f}", err=True)
        yield result


@contextmanager
def opened(file: str | None) -> Iterator[TextIO | None]:
    """Open the file before anything is measured, not after."""
    if file is None:
        yield None
    elif file == "-":
        yield sys.stdout
    else:
        with Path(file).open("w", encoding="utf-8") as opened_file:
            yield opened_file


if __name__ == "__main__":
    main()
