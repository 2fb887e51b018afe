"""`fleetlog`: the door for people. Run without arguments it says what there is."""

import sys
from io import TextIOWrapper

import click

from workers.console import ask, audit, deliver, fleet, mend, move, new, submit

FAMILIES: dict[str, tuple[click.Command, ...]] = {
    "Run": (fleet.up, fleet.demo, fleet.migrate),
    "Begin": (new.new,),
    "Work": (submit.submit,),
    "Ask": (ask.status, ask.projections, ask.history, ask.commands, audit.audit, ask.replay),
    "In and out": (move.import_, move.export, move.tail),
    "Tell others": (deliver.subscription, deliver.deliveries, deliver.skip),
    "Mend": (mend.rebuild, mend.retry, mend.dead_letters),
}
SHORT_HELP = 66  # what fits beside the names


class Families(click.Group):
    """A group whose help keeps families of commands together."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the families."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write one section a family."""
        width = max(map(len, self.commands))
        for family, members in FAMILIES.items():
            with formatter.section(family):
                formatter.write_dl(
                    [
                        (str(one.name).ljust(width), one.get_short_help_str(SHORT_HELP))
                        for one in members
                    ]
                )


@click.group(cls=Families, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fleetlog", message="fleetlog %(version)s")
def cli() -> None:
    """
    An event-sourced worker fleet on Celery and PostgreSQL.

    To see it at work: fleetlog demo. Unless DATABASE_URL and REDIS_URL name others, it runs its
    own servers, whose data stays in .fleetlog.
    """


for members in FAMILIES.values():
    for command in members:
        cli.add_command(command)


def main() -> None:
    """Run; what a terminal cannot write must not end us."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    cli(prog_name="fleetlog")


if __name__ == "__main__":
    main()
