# ruff: noqa: PLC0415 - what a command needs is imported when it runs: `--help` stays quick
"""The family that moves events: import, export, and tail, which only lets them pass."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from workers.console.command import FleetCommand, json_option

F = TypeVar("F", bound=Callable[..., Any])


class Position(click.ParamType[int | None]):
    """A place in the global order, or a word for one."""

    name = "position"

    def __init__(self, word: str, meaning: int | None) -> None:
        self.word, self.meaning = word, meaning

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """Return the position; fails as wrong usage."""
        if value == self.word:
            return self.meaning
        try:
            position = int(value)
        except ValueError:
            position = 0
        if not 1 <= position < 2**63:
            self.fail(f"{value!r} is no position: a number from 1, or {self.word!r}", param, ctx)
        return position


def wanted_options(function: F) -> F:
    """Add the options that say which events are wanted; each may be given several times."""
    for option in (
        click.option(
            "--aggregate-type", "aggregate_types", multiple=True, help="Only aggregates of these."
        ),
        click.option("--aggregate", "aggregate_ids", multiple=True, help="Only these aggregates."),
        click.option("--type", "event_types", multiple=True, help="Only events of these types."),
    ):
        function = option(function)
    return function


@click.command(cls=FleetCommand, name="import")
@click.argument("path", metavar="FILE")
@click.option("--aggregate-type", metavar="T", help="Whose events; else the source's last part.")
@click.option(
    "--on-error",
    type=click.Choice(("stop", "skip")),
    default="stop",
    help="At a bad line.  [stop]",
)
@click.option("--append", is_flag=True, help="Also behind events that an aggregate has already.")
@click.option("--unreadable-too", is_flag=True, help="Also what the aggregate's class cannot read.")
@json_option
@click.pass_context
def import_(  # noqa: PLR0913 - one for each option
    ctx: click.Context,
    *,
    path: str,
    aggregate_type: str | None,
    on_error: str,
    append: bool,
    unreadable_too: bool,
    as_json: bool,
) -> None:
    """
    Take in history: a file of CloudEvents.

    JSON lines, gzip or plain; - is standard input. The "subject" becomes the aggregate id, the
    "time" is kept as when it happened. Running a file again is harmless, and goes on where it
    stopped: an event is known by its id.
    """
    from workers.console.event_lines import Reading
    from workers.console.importing import Way, import_file

    way = Way(skip=on_error == "skip", append=append, as_json=as_json)
    ctx.exit(0 if import_file(path, Reading(aggregate_type, unreadable_too), way) else 1)


@click.command(cls=FleetCommand)
@click.argument("path", metavar="[FILE]", default="-")
@wanted_options
@click.option(
    "--from", "first", type=Position("start", 1), default=1, help="First position.  [start]"
)
@click.option("--to", "last", type=Position("now", None), help="Last position.  [now]")
@json_option
def export(  # noqa: PLR0913 - one for each option
    *,
    path: str,
    event_types: tuple[str, ...],
    aggregate_types: tuple[str, ...],
    aggregate_ids: tuple[str, ...],
    first: int,
    last: int | None,
    as_json: bool,
) -> None:
    """
    Write events as CloudEvents, in global order.

    One JSON object a line. A file appears when it is complete, packed when its name ends in
    .gz; without one the lines go to standard output. Nothing is hidden: what is personal is
    in it.
    """
    if path == "-" and as_json:
        raise click.UsageError("--json sums up a file: give it a name")
    from store.following import EventFilter
    from workers.console import exporting

    wanted = EventFilter(event_types, aggregate_types, aggregate_ids)
    exporting.export(path, wanted, exporting.Stretch(first, last), as_json=as_json)


@click.command(cls=FleetCommand)
@wanted_options
@click.option(
    "--from", "first", type=Position("start", 1), help="Position, or start.  [what comes]"
)
@click.option("--until-now", is_flag=True, help="End after the last event there is now.")
@click.option("--personal", is_flag=True, help="Show personal data; secrets are hidden always.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for a program.")
def tail(  # noqa: PLR0913 - one for each option
    *,
    event_types: tuple[str, ...],
    aggregate_types: tuple[str, ...],
    aggregate_ids: tuple[str, ...],
    first: int | None,
    until_now: bool,
    personal: bool,
    as_json: bool,
) -> None:
    """
    Follow the events in the terminal, as they come.

    In global order; only what is final. Personal and secret fields are hidden, and all that no
    class here describes. Ctrl-C ends it.
    """
    if until_now and first is None:
        raise click.UsageError("--until-now needs a beginning: --from start, or a position")
    from store.following import EventFilter
    from workers.console import tailing

    wanted = EventFilter(event_types, aggregate_types, aggregate_ids)
    tailing.tail(wanted, tailing.Look(first, until_now, personal, as_json))
