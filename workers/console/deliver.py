# ruff: noqa: PLC0415 - what a command needs is imported when it runs: `--help` stays quick
"""The family that deals with receivers outside: subscription, deliveries, skip."""

from datetime import timedelta
from typing import Any, TextIO

import click

from workers.console.command import FleetCommand, json_option

KINDS = ("http", "stream", "amqp", "mail")
STATUSES = ("waiting", "parked", "delivered", "skipped")

name_argument = click.argument("name")
secret_option = click.option(
    "--secret-file", type=click.File(), help="Read the secret from here; - is standard input."
)


class Position(click.ParamType[int | str]):
    """Where in the stream of all events to begin."""

    name = "position"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """Return now, start or a number; fails as wrong usage."""
        if value in {"now", "start"} or isinstance(value, int):
            return value
        if not value.isdecimal():
            self.fail(f"{value!r} is neither now nor start nor a position", param, ctx)
        return int(value)


@click.group()
def subscription() -> None:
    """
    Say who outside is told of which events.

    Webhooks, streams, exchanges, mail. Events leave as CloudEvents, at least once, in order for
    each aggregate, with an idempotency key. See docs/deliveries.md.
    """


@subscription.command(cls=FleetCommand)
@name_argument
@click.option("--to", "endpoint", required=True, metavar="URL", help="The receiver.")
@click.option("--kind", type=click.Choice(KINDS), default="http", help="Which channel.  [http]")
@click.option("--event-type", "event_types", multiple=True, help="Only these.  [all]")
@click.option("--aggregate-type", "aggregate_types", multiple=True, help="Only of these.  [all]")
@click.option(
    "--from",
    "start",
    type=Position(),
    default="now",
    metavar="now|start|N",
    help="Events behind this position.  [now]",
)
@click.option("--allow-http", is_flag=True, help="Without encryption too.")
@click.option("--allow-private", is_flag=True, help="To addresses that are not public too.")
@click.option("--attempts", type=int, help="Until a delivery is parked.  [20]")
@click.option("--parallel", type=int, help="How many on their way at once.  [4]")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="Of the channel.")
@secret_option
@json_option
def add(  # noqa: PLR0913 - one for each option
    *,
    name: str,
    endpoint: str,
    kind: str,
    event_types: tuple[str, ...],
    aggregate_types: tuple[str, ...],
    start: Any,
    allow_http: bool,
    allow_private: bool,
    attempts: int | None,
    parallel: int | None,
    options: tuple[str, ...],
    secret_file: TextIO | None,
    as_json: bool,
) -> None:
    """
    Tell a receiver of events from now on.

    Without --secret-file a webhook's signing secret is made up, and shown this once.
    """
    from workers.console.subscriptions import Wish, add_subscription

    flags = {"allow_http": allow_http or None, "allow_private": allow_private or None}
    given = {**flags, "attempts": attempts, "parallel": parallel}
    wish = Wish(name, kind, endpoint, event_types, aggregate_types, start)
    add_subscription(wish, options, given, secret_file, as_json=as_json)


@subscription.command(cls=FleetCommand, name="list")
@json_option
def list_(*, as_json: bool) -> None:
    """Show all subscriptions, and what waits for each."""
    from workers.console.subscriptions import tell_subscriptions

    tell_subscriptions(as_json=as_json)


@subscription.command(cls=FleetCommand)
@name_argument
@json_option
def show(*, name: str, as_json: bool) -> None:
    """Show one subscription with all that is known, but for its secrets."""
    from workers.console.subscriptions import tell_subscription

    tell_subscription(name, as_json=as_json)


@subscription.command(cls=FleetCommand)
@name_argument
def pause(*, name: str) -> None:
    """Neither note nor deliver anything for now; nothing is lost."""
    from workers.console.subscriptions import set_status

    set_status(name, "paused")


@subscription.command(cls=FleetCommand)
@name_argument
def resume(*, name: str) -> None:
    """Go on where it was paused."""
    from workers.console.subscriptions import set_status

    set_status(name, "active")


@subscription.command(cls=FleetCommand)
@name_argument
@click.option("--discard", is_flag=True, help="Even if deliveries are waiting or parked.")
def remove(*, name: str, discard: bool) -> None:
    """Forget a subscription, with its outbox and its deliveries."""
    from workers.console.subscriptions import remove_subscription

    remove_subscription(name, discard=discard)


@subscription.command(cls=FleetCommand, name="rotate-secret")
@name_argument
@click.option(
    "--keep-hours",
    type=click.FloatRange(0, 24 * 365),
    default=24.0,
    help="How long the old one stays valid beside it.  [24]",
)
@secret_option
@json_option
def rotate_secret(
    *, name: str, keep_hours: float, secret_file: TextIO | None, as_json: bool
) -> None:
    """Give a subscription a new secret; it is shown this once, unless it was given."""
    from workers.console.subscriptions import rotate

    rotate(name, timedelta(hours=keep_hours), secret_file, as_json=as_json)


@subscription.command(cls=FleetCommand)
@name_argument
def test(*, name: str) -> None:
    """
    Send one made-up event now, and say how the receiver answers.

    Its type is SubscriptionTested and its position 0; nothing is stored.
    """
    from workers.console.subscriptions import send_test

    send_test(name)


@click.command(cls=FleetCommand)
@click.option("--subscription", "name", metavar="NAME", help="Only of this subscription.")
@click.option(
    "--status",
    type=click.Choice(STATUSES),
    metavar="STATUS",
    help="Waiting, parked, delivered, skipped.",
)
@click.option("--aggregate", metavar="ID", help="Only events of this aggregate.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, metavar="N", help="How many.  [20]"
)
@json_option
def deliveries(
    *, name: str | None, status: str | None, aggregate: str | None, limit: int, as_json: bool
) -> None:
    """
    Show what became of deliveries.

    By default those that a person may want to see: parked ones, and those that wait.
    """
    from workers.console.deliveries import Wanted, tell_deliveries

    tell_deliveries(Wanted(name, status, aggregate, limit), as_json=as_json)


@click.command(cls=FleetCommand)
@name_argument
@click.argument("positions", nargs=-1, required=True, type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why; it is kept with the delivery.")
@json_option
@click.pass_context
def skip(
    ctx: click.Context, *, name: str, positions: tuple[int, ...], reason: str, as_json: bool
) -> None:
    """
    Give parked deliveries up, so that those behind them go on.

    They are named by their positions: see fleetlog deliveries --status parked.
    """
    from workers.console.deliveries import skip_deliveries

    ctx.exit(0 if skip_deliveries(name, positions, reason, as_json=as_json) else 1)
