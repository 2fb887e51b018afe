"""`python -m tests.mutants [NAME…]`: every mutant, or those named, against their tests."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from tests.mutants.catalogue import MUTANTS
from tests.mutants.gate import Gate
from tests.mutants.reading import CannotRunError, Judged, Verdict
from tests.mutants.running import ROOT
from tests.mutants.table import as_json, as_table, listing

NAMES = tuple(mutant.name for mutant in MUTANTS)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES), metavar="[NAME]...")
@click.option("--list", "listed", is_flag=True, help="Only say which mutants there are.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
def main(names: Sequence[str], *, listed: bool, file: Path | None) -> None:
    """
    Take safeguards out, one at a time, and see that the tests notice.

    Exits with 1 when a mutant survived or could not be judged, with 2 when the tests are not
    green to begin with.
    """
    mutants = [mutant for mutant in MUTANTS if mutant.name in (names or NAMES)]
    if listed:
        click.echo(listing(mutants))
        return
    try:
        judged = Gate(ROOT, say).run(mutants)
    except CannotRunError as error:
        say(f"the gate cannot be trusted: {error}")
        sys.exit(2)
    click.echo(as_table(judged))
    if file:
        file.write_text(as_json(judged), encoding="utf-8")
    tell_the_rest(judged)


def tell_the_rest(judged: Sequence[Judged]) -> None:
    """Say what went wrong, if anything did, and end accordingly."""
    wrong = [one for one in judged if one.verdict is not Verdict.CAUGHT]
    for one in wrong:
        say(f"{one.verdict} {one.mutant.name}: {(one.said or one.mutant.why)[:2000]}")
    say(f"{len(judged) - len(wrong)} of {len(judged)} mutants caught")
    sys.exit(1 if wrong else 0)


def say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    main()
