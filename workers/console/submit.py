# ruff: noqa: PLC0415 - what a command needs is imported when it runs: `--help` stays quick
"""The family that gives work: `fleetlog submit`."""

import os
from getpass import getuser
from typing import Any
from uuid import UUID

import click

from workers.console.command import FleetCommand, json_option
from workers.console.wanted import Wanted


def login() -> str:
    """Return who is at the keyboard, as far as the system knows."""
    try:
        return f"cli:{getuser()}"
    except (KeyError, OSError):  # a container may run as a number without a name
        return f"cli:{os.getuid()}"


@click.command(cls=FleetCommand)
@click.argument("command", required=False)
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("--file", "-f", "path", help="Commands as JSON lines, gzip or plain; - is stdin.")
@click.option("--json-data", metavar="JSON", help="Fields as a JSON object, beside FIELD=VALUE.")
@click.option("--wait", is_flag=True, help="Wait for the outcomes; status 1 unless all are done.")
@click.option(
    "--wait-for",
    metavar="NAME",
    multiple=True,
    help="Wait until this projection shows what was done; more than one is fine.",
)
@click.option("--timeout", type=click.FloatRange(min=0), metavar="S", help="Seconds to wait.")
@click.option("--actor", help="Who asks; without it your login name.")
@click.option("--reason", help="Why, for the record.")
@click.option("--correlation-id", help="The conversation this belongs to.")
@click.option("--command-id", type=click.UUID, help="The same id again is a repeat, never twice.")
@click.option("--skip-bad", is_flag=True, help="With --file: pass over lines that are no command.")
@json_option
@click.pass_context
def submit(  # noqa: PLR0913 - one for each option
    ctx: click.Context,
    /,
    *,
    command: str | None,
    fields: tuple[str, ...],
    path: str | None,
    json_data: str | None,
    actor: str | None,
    reason: str | None,
    correlation_id: str | None,
    command_id: UUID | None,
    **options: Any,
) -> None:
    """
    Give the fleet a command, or a file of them.

    \b
      fleetlog submit CreateUser user_id=ada username=ada email=ada@example.org --wait
      fleetlog submit PlaceOrder order_id=1 items=apple,pear total=4.20
      fleetlog submit --file orders.jsonl.gz --wait-for order_board

    A list is written with commas or as JSON. A line of a file is an object with "command" and
    "data", and if you like "command_id", "time", "actor", "reason", "correlation_id" and
    "causation_id". Running a file again is harmless: what was accepted before is a repeat.
    """
    refuse_mixture(path, command=command, json_data=json_data, command_id=command_id)
    from workers.console.lines import Envelope

    envelope, wanted = Envelope(actor or login(), reason, correlation_id), Wanted(**options)
    if path is not None:
        from workers.console.streaming import submit_file

        ok = submit_file(path, envelope, wanted)
    else:
        from workers.console.sending import Asked, submit_one

        asked = Asked(str(command), fields, json_data, command_id)
        ok = submit_one(asked, envelope, wanted)
    ctx.exit(0 if ok else 1)


def refuse_mixture(path: str | None, **single: object) -> None:
    """Raise UsageError unless there is either a file or a command."""
    if path is None and single["command"] is None:
        raise click.UsageError("name a command, or a file of them with --file")
    for name, value in single.items():
        if path is not None and value is not None:
            raise click.UsageError(f"--file does not go with {name.replace('_', '-')}")
