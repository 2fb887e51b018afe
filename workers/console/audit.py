# ruff: noqa: PLC0415 - what a command needs is imported when it runs: `--help` stays quick
"""The auditor's door: who did what, when, and why?"""

from typing import Any

import click

from workers.console.ask import Time
from workers.console.command import FleetCommand, json_option


@click.command(cls=FleetCommand)
@click.option("--actor", help="Only what this one did, as claimed.")
@click.option("--aggregate", "aggregate_id", metavar="ID", help="Only on this aggregate.")
@click.option("--aggregate-type", metavar="TYPE", help="Only on aggregates of this type.")
@click.option("--type", "event_type", help="Only events of this type.")
@click.option("--since", type=Time(), help="What happened then or later (ISO 8601, UTC).")
@click.option("--until", type=Time(), help="What happened before then.")
@click.option("--text", help='Words in it: all of them, "a phrase", or, -not.')
@click.option("--correlation", "correlation_id", metavar="ID", help="Only of this conversation.")
@click.option(
    *("--after", "after_position"),
    type=click.IntRange(min=0),
    metavar="POSITION",
    help="The first entries behind it.  [the newest]",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, metavar="N", help="How many.  [50]"
)
@json_option
def audit(*, as_json: bool, **filters: Any) -> None:
    """
    Search the audit log: an entry for every event, the newest last.

    Personal and secret values are not in it. Give --after the last position shown, or 0, to go
    through it page by page.
    """
    from workers.console.audits import tell_audit

    tell_audit(filters, as_json=as_json)
