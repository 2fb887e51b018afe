# ruff: noqa: PLC0415 - what a command needs is imported when it runs: `--help` stays quick
"""The family that mends: rebuild, retry."""

from uuid import UUID

import click

from workers.console.command import FleetCommand, json_option


@click.command(cls=FleetCommand)
@click.argument("name")
@click.option("--restart", is_flag=True, help="Begin again, even if a rebuild was interrupted.")
def rebuild(name: str, *, restart: bool) -> None:
    """
    Fold a projection's read model anew, from the first event.

    The read model is incomplete meanwhile. Interrupted, it goes on where it stopped: with the
    fleet's next tick, or when this is run again.
    """
    from workers.console.rebuilding import rebuild as work

    work(name, restart=restart)


@click.command(cls=FleetCommand)
@click.argument("command_ids", nargs=-1, type=click.UUID, metavar="[COMMAND_ID]...")
@click.option("--all-parked", is_flag=True, help="Every parked command.")
@click.option("--projection", help="The events that this projection has parked.")
@click.option("--aggregate", metavar="ID", help="With --projection: only this stream's.")
@json_option
@click.pass_context
def retry(  # noqa: PLR0913 - one for each option
    ctx: click.Context,
    *,
    command_ids: tuple[UUID, ...],
    all_parked: bool,
    projection: str | None,
    aggregate: str | None,
    as_json: bool,
) -> None:
    """
    Try again what was parked: commands, or events.

    A command goes to the end of its inbox with its attempts forgiven. Events are folded now, in
    order, by today's code; what fails again stays parked.
    """
    if sum((bool(command_ids), all_parked, projection is not None)) != 1:
        raise click.UsageError("name commands, or give --all-parked, or --projection")
    if aggregate is not None and projection is None:
        raise click.UsageError("--aggregate goes with --projection")
    from workers.console import retrying

    if projection is not None:
        ok = retrying.retry_events(projection, aggregate, as_json=as_json)
    else:
        ok = retrying.retry_commands(None if all_parked else command_ids, as_json=as_json)
    ctx.exit(0 if ok else 1)
