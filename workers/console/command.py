# ruff: noqa: PLC0415 - what a command needs is imported when it runs: `--help` stays quick
"""What every command of `fleetlog` does: quiet logging, and errors as sentences."""

import sys
from typing import Any

import click

from workers.console.endings import Failure, Interrupted


class Command(click.Command):
    """A command of ours: expected errors become one sentence, a bug keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; a Failure raised from here has ended well enough to be told in a sentence."""
        as_json = bool(ctx.params.get("as_json"))
        try:
            self.prepare()
            return super().invoke(ctx)
        except Failure as failure:
            failure.as_json = as_json
            raise
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            raise Interrupted("nothing was left half done") from None
        except Exception as error:
            from workers.console.failures import explain

            sentence = explain(error)
            if sentence is None:
                raise
            raise Failure(sentence, as_json=as_json) from error

    def prepare(self) -> None:
        """Read the settings, so that a bad one is told first; keep the libraries quiet."""
        from workers.shadows import ShadowedError, require_our_own

        try:
            require_our_own(self.import_path())
        except ShadowedError as error:
            raise Failure(str(error)) from None
        from workers.settings import SettingsError, current_settings

        try:
            current_settings()
        except SettingsError as error:
            raise Failure(str(error)) from None
        from workers.console.output import quiet_logging

        quiet_logging()

    def import_path(self) -> list[str]:
        """Return where this command's imports are looked for."""
        return sys.path


class FleetCommand(Command):
    """A command for a fleet that is there already, with a database that fits."""

    def prepare(self) -> None:
        """Reach it first: only to import the tasks would start servers where there are none."""
        super().prepare()
        from workers.console.ground import stand

        stand()


json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document, for a program to read."
)
