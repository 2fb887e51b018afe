# ruff: noqa: PLC0415 - what a command needs is imported when it runs: `--help` stays quick
"""The family that asks: status, projections, history, commands. None of them changes anything."""

from datetime import UTC, datetime
from uuid import UUID

import click

from workers.console.command import Command, FleetCommand, json_option

STATUSES = ("accepted", "done", "rejected", "parked", "cancelled")


class Time(click.ParamType[datetime]):
    """A moment as ISO 8601 writes it; without a zone it is meant in UTC."""

    name = "time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the moment; fails as wrong usage."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is no time like 2026-02-28T09:30 or 2026-02-28T09:30Z", param, ctx
            )
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Moment(click.ParamType["datetime | int"]):
    """A time, or a position in the global order."""

    name = "moment"

    def convert(
        self, value: str | datetime | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime | int:
        """Return either; digits alone are a position."""
        if isinstance(value, str) and value.isdecimal():
            return int(value)
        return value if isinstance(value, int) else Time().convert(value, param, ctx)


@click.command(cls=Command)
@json_option
@click.pass_context
def status(ctx: click.Context, *, as_json: bool) -> None:
    """
    Say whether everything is well.

    The status is 1 when a server or every worker is out of reach, when a projection stands
    still, and when something is parked.
    """
    from workers.console.status import tell_status

    ctx.exit(0 if tell_status(as_json=as_json) else 1)


@click.command(cls=FleetCommand)
@json_option
def projections(*, as_json: bool) -> None:
    """
    Show how far every projection is.

    The lag counts the events that it reads and has not read yet; 0 means caught up.
    """
    from workers.console.standings import tell_projections

    tell_projections(as_json=as_json)


@click.command(cls=FleetCommand)
@click.argument("aggregate_id", metavar="ID")
@click.option("--at", type=Time(), help="As it was then (ISO 8601, UTC by default).")
@click.option(
    "--version", type=click.IntRange(min=1), metavar="N", help="As it was at this version."
)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Only the last events.  [table: 100]"
)
@click.option("--mask", is_flag=True, help="Hide personal data too; secrets are hidden always.")
@json_option
def history(  # noqa: PLR0913 - one for each option
    *,
    aggregate_id: str,
    at: datetime | None,
    version: int | None,
    limit: int | None,
    mask: bool,
    as_json: bool,
) -> None:
    """Show what happened to an aggregate, and its state now or then."""
    if at is not None and version is not None:
        raise click.UsageError("--at and --version both name a moment: give one of them")
    from workers.console.histories import View, tell_history

    tell_history(aggregate_id, View(at, version, limit, mask, as_json))


@click.command(cls=FleetCommand)
@click.argument("command_id", required=False, type=click.UUID, metavar="[ID]")
@click.option(
    "--status",
    type=click.Choice(STATUSES),
    metavar="STATUS",
    help="Accepted, done, rejected, parked…",
)
@click.option("--type", "command_type", help="Only commands of this type.")
@click.option("--aggregate", help="Only commands for this aggregate.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, metavar="N", help="How many.  [20]"
)
@json_option
def commands(  # noqa: PLR0913 - one for each option
    *,
    command_id: UUID | None,
    status: str | None,
    command_type: str | None,
    aggregate: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """
    Show commands, the newest first.

    By default those that are not done; with an ID everything about one. Personal and secret
    fields are hidden.
    """
    from workers.console.inboxes import Wanted, tell_command, tell_commands

    if command_id is not None:
        tell_command(command_id, as_json=as_json)
    else:
        tell_commands(Wanted(status, command_type, aggregate, limit), as_json=as_json)


@click.command(cls=FleetCommand)
@click.argument("name", metavar="NAME|FILE.py:CLASS")
@click.option("--until", type=Moment(), metavar="TIME|POSITION", help="As it was then.  [now]")
@click.option("--into", metavar="TABLE", help="Keep the rows, in a table of this name.")
@click.option("--replace", is_flag=True, help="With --into: over a table of an earlier replay.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=20, metavar="N", help="Rows to show.  [20]"
)
@json_option
def replay(  # noqa: PLR0913 - one for each option
    *,
    name: str,
    until: datetime | int | None,
    into: str | None,
    replace: bool,
    limit: int,
    as_json: bool,
) -> None:
    """
    Show a read model as it was then, or one that nobody has deployed.

    The events up to that moment are folded by today's code, beside everything else. A projection
    may also come from a file of yours.
    """
    if into is not None and not into.isidentifier():
        raise click.UsageError(f"--into {into!r} is no name for a table: letters, digits and _")
    from workers.console.replaying import Wish
    from workers.console.replaying import replay as work

    work(name, Wish(until, into, replace, limit, as_json))
