# ruff: noqa: PLC0415 - what a command needs is imported when it runs: `--help` stays quick
"""The family that writes: a new aggregate to begin with."""

from pathlib import Path

import click

from workers.console.command import Command, json_option


@click.group()
def new() -> None:
    """
    Write the beginning of something of your own.

    So far there is one thing to begin: an aggregate.
    """


@new.command(cls=Command)
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    metavar="FOLDER",
    help="Where imports start from.  [.]",
)
@click.option("--package", metavar="PACKAGE", help="Like acme.tickets.  [the aggregate's name]")
@json_option
def aggregate(*, name: str, into: Path, package: str | None, as_json: bool) -> None:
    """
    Write a small package: events, commands, aggregate, read model, and a test.

    \b
      fleetlog new aggregate Ticket --package acme.tickets

    NAME is like Ticket or support_ticket. It needs no server, and overwrites nothing.
    """
    from workers.console.beginning import begin

    begin(name, into, package, as_json=as_json)
