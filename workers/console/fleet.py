# ruff: noqa: PLC0415 - what a command needs is imported when it runs: `--help` stays quick
"""The family that runs the fleet: up, demo, migrate."""

import os
import sys
from typing import Any

import click

from workers.console.command import Command

STRANGERS = ("DATABASE_URL", "REDIS_URL", "FLEETLOG_MIGRATION_URL", "FLEETLOG_DOMAIN")

workers_option = click.option(
    "--workers", type=click.IntRange(min=1), default=1, metavar="N", help="Worker processes.  [1]"
)
port_option = click.option(
    "--dashboard-port",
    type=click.IntRange(1, 65_535),
    metavar="PORT",
    help="Where the dashboard listens.  [5555]",
)
verbose_option = click.option("--verbose", "-v", is_flag=True, help="Show all the processes say.")


class Starting(Command):
    """A command that starts Python processes: they look first in the folder they start in."""

    def import_path(self) -> list[str]:
        """Return where their imports are looked for."""
        return [os.getcwd(), *sys.path]  # noqa: PTH109 - as sys.path holds texts


@click.command(cls=Starting)
@workers_option
@click.option("--concurrency", type=click.IntRange(min=1), metavar="N", help="Tasks at once.  [2]")
@click.option("--no-dashboard", is_flag=True, help="Leave the dashboard out.")
@click.option("--auto", is_flag=True, help="Rebuild projections whose code has changed.")
@port_option
@verbose_option
def up(  # noqa: PLR0913 - one for each option
    *,
    workers: int,
    concurrency: int | None,
    no_dashboard: bool,
    auto: bool,
    dashboard_port: int | None,
    verbose: bool,
) -> None:
    """
    Run servers, workers, beat and dashboard, until Ctrl-C.

    Servers whose URLs are not set are our own, with their data in FLEETLOG_HOME (.fleetlog). A
    process that dies is started again. What the processes say lies in its logs folder; warnings
    are shown here too.
    """
    from workers.console.programs import Plan
    from workers.console.running import run_fleet

    plan = Plan(
        workers=workers,
        concurrency=concurrency,
        dashboard=not no_dashboard,
        dashboard_port=dashboard_port,
        verbose=verbose,
        rebuild_changed=auto,
    )
    run_fleet(plan)


class OnItsOwn(Starting):
    """A command that must not touch servers which the environment names for something else."""

    def invoke(self, ctx: click.Context) -> Any:
        """Forget them before the settings are read."""
        for name in STRANGERS:
            if os.environ.pop(name, None):
                click.echo(f"{name} is set, but the demo stays on its own servers", err=True)
        return super().invoke(ctx)


@click.command(cls=OnItsOwn)
@click.option("--exit", "leave", is_flag=True, help="End when everything was shown.")
@click.option(
    "--orders",
    type=click.IntRange(1, 100_000),
    default=300,
    metavar="N",
    help="Orders in the sample load.  [300]",
)
@workers_option
@port_option
@verbose_option
def demo(
    *,
    leave: bool,
    orders: int,
    workers: int,
    dashboard_port: int | None,
    verbose: bool,
) -> None:
    """
    Show the whole fleet at work, then keep it running.

    Users and orders are submitted, worked off and folded; then come a read model, a history and
    the lag. Ctrl-C ends it. It stays on servers of its own, whatever the environment names.
    """
    from workers.console.programs import Plan
    from workers.console.running import running

    plan = Plan(
        workers=workers,
        concurrency=None,
        dashboard=True,
        dashboard_port=dashboard_port,
        verbose=verbose,
    )
    with running(plan, any_port=True) as supervisor:
        # Imports the tasks, which is only quick once the servers run.
        from workers.console.demonstrating import demonstrate

        demonstrate(supervisor, orders=orders, leave=leave)


@click.command(cls=Command)
def migrate() -> None:
    """
    Create or upgrade tables, roles and functions.

    The tables of read models too. Uses FLEETLOG_MIGRATION_URL if that is set;
    FLEETLOG_APP_PASSWORD becomes the password of the fleet's login role. Harmless to run again.
    """
    from workers.console.migrating import tell_migration

    tell_migration()
