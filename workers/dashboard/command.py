"""`celery -A workers.app dashboard`: Flower on loopback, behind a login."""

import logging
import os
import secrets

import click
from celery.bin.base import CeleryCommand
from flower.command import flower

from workers.settings import current_settings


@click.command(cls=CeleryCommand, context_settings={"ignore_unknown_options": True})
@click.argument("tornado_argv", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def dashboard(context: click.Context, tornado_argv: tuple[str, ...]) -> None:
    """
    Flower, on loopback and behind a login.

    Anything after it is an option of Flower's, such as --url_prefix=fleet.
    """
    from workers.dashboard.metrics import serve_metrics  # noqa: PLC0415 - only this command's

    settings = current_settings()
    chosen = settings.dashboard_password
    password = chosen.get_secret_value() if chosen else secrets.token_urlsafe(12)
    if chosen is None:
        click.echo(
            f"dashboard: http://{settings.dashboard_address}:{settings.dashboard_port} "
            f"as {settings.dashboard_user}, password {password} "
            "(set FLEETLOG_DASHBOARD_PASSWORD to choose one)",
            err=True,
        )
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it lists its plug-ins
    # Through the environment: arguments are shown to everybody on the machine.
    os.environ["FLOWER_BASIC_AUTH"] = f"{settings.dashboard_user}:{password}"
    os.environ["FLOWER_ADDRESS"] = settings.dashboard_address
    os.environ["FLOWER_PORT"] = str(settings.dashboard_port)
    serve_metrics()
    context.invoke(flower, tornado_argv=tornado_argv)
