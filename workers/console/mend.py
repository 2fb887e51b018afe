# ruff: noqa: PLC0415 - what a command needs is imported when it runs: `--help` stays quick
"""The family that mends: rebuild, retry, dead letters."""

from uuid import UUID

import click

from workers.console.command import FleetCommand, json_option


@click.command(cls=FleetCommand)
@click.argument("name", required=False)
@click.option("--changed", is_flag=True, help="All whose code has another version than their rows.")
@click.option("--diff", is_flag=True, help="Show the rows that differ from the live ones.")
@click.option("--hold", is_flag=True, help="Build and compare, but do not swap.")
@click.option("--rollback", is_flag=True, help="Go back to the generation from before.")
@click.option("--cancel", is_flag=True, help="Give up what is being built.")
@click.option("--restart", is_flag=True, help="Begin again, even if a rebuild was interrupted.")
@click.option("--in-place", is_flag=True, help="Empty the live tables instead of building beside.")
@click.option(
    "--shares", type=click.IntRange(1, 64), metavar="N", help="Build with so many at once.  [4]"
)
@json_option
def rebuild(  # noqa: PLR0913 - one for each option
    *,
    name: str | None,
    changed: bool,
    diff: bool,
    hold: bool,
    rollback: bool,
    cancel: bool,
    restart: bool,
    in_place: bool,
    shares: int | None,
    as_json: bool,
) -> None:
    """
    Fold a projection's read model anew, from the first event.

    It is built beside the live one, which goes on, and takes its place at once, with grants, added
    indexes and views. Interrupted, it goes on with the fleet, or when this is run again.
    """
    if changed == (name is not None):
        raise click.UsageError("name a projection, or give --changed")
    if sum((rollback, cancel, in_place, diff or hold)) > 1:
        raise click.UsageError("--rollback, --cancel, --in-place and --diff exclude each other")
    from workers.console import rebuilding, refolding
    from workers.tending import changed as all_changed

    for one in [name] if name is not None else all_changed():
        if rollback:
            rebuilding.roll_back(one)
        elif cancel:
            rebuilding.cancel(one)
        elif in_place:
            refolding.refold(one, restart=restart)
        else:
            rebuilding.rebuild(one, rebuilding.Wish(restart, shares, diff, hold, as_json))


@click.command(cls=FleetCommand)
@click.argument("command_ids", nargs=-1, type=click.UUID, metavar="[COMMAND_ID]...")
@click.option("--all-parked", is_flag=True, help="Every parked command.")
@click.option("--projection", help="The events that this projection has parked.")
@click.option("--subscription", metavar="NAME", help="The deliveries parked for this one.")
@click.option("--aggregate", metavar="ID", help="With one of these two: only this stream's.")
@json_option
@click.pass_context
def retry(  # noqa: PLR0913 - one for each option
    ctx: click.Context,
    *,
    command_ids: tuple[UUID, ...],
    all_parked: bool,
    projection: str | None,
    subscription: str | None,
    aggregate: str | None,
    as_json: bool,
) -> None:
    """
    Try again what was parked: commands, events, or deliveries.

    A command goes to the end of its inbox with its attempts forgiven. Events are folded now, in
    order, by today's code; what fails again stays parked.
    """
    of = [one for one in (projection, subscription) if one is not None]
    if sum((bool(command_ids), all_parked, len(of))) != 1:
        raise click.UsageError(
            "name commands, or give --all-parked, --projection or --subscription"
        )
    if aggregate is not None and not of:
        raise click.UsageError("--aggregate goes with --projection or --subscription")
    from workers.console import deliveries, retrying

    if subscription is not None:
        ok = deliveries.retry_deliveries(subscription, aggregate, as_json=as_json)
    elif projection is not None:
        ok = retrying.retry_events(projection, aggregate, as_json=as_json)
    else:
        ok = retrying.retry_commands(None if all_parked else command_ids, as_json=as_json)
    ctx.exit(0 if ok else 1)


@click.command(cls=FleetCommand, name="dead-letters")
@click.argument("letter_ids", nargs=-1, type=click.UUID, metavar="[LETTER_ID]...")
@click.option("--redeliver", is_flag=True, help="Put them back into their queues.")
@click.option("--discard", is_flag=True, help="Throw them away.")
@click.option("--all", "everything", is_flag=True, help="With one of these: all of them.")
@click.option("--raw", is_flag=True, help="Write one message to standard output, as it came.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, metavar="N", help="How many.  [20]"
)
@json_option
def dead_letters(  # noqa: PLR0913 - one for each option
    *,
    letter_ids: tuple[UUID, ...],
    redeliver: bool,
    discard: bool,
    everything: bool,
    raw: bool,
    limit: int,
    as_json: bool,
) -> None:
    """
    Show or clear away the messages that no worker could take.

    They could not be read, or were for a task that no module here declares.
    """
    if redeliver and discard:
        raise click.UsageError("--redeliver and --discard exclude each other")
    if (redeliver or discard) and bool(letter_ids) == everything:
        raise click.UsageError("name letters, or give --all")
    from workers.console import letters

    if redeliver or discard:
        change = letters.redeliver if redeliver else letters.discard
        change(None if everything else letter_ids, as_json=as_json)
    elif letter_ids:
        for letter_id in letter_ids:
            letters.tell_letter(letter_id, raw=raw, as_json=as_json)
    else:
        letters.tell_letters(limit, as_json=as_json)
