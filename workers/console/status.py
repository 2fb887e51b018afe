"""The screen of `fleetlog status`."""

from typing import Any

from rich.table import Table
from rich.text import Text

from workers.console.delivery_figures import about
from workers.console.figures import Commands
from workers.console.ground import reach
from workers.console.health import Health, examine
from workers.console.output import add, say, show, show_json, span, table
from workers.console.standings import document as standing
from workers.console.standings import lag

GAP = "   "


def tell_status(*, as_json: bool) -> bool:
    """Print how everything is; returns whether nothing needs a person."""
    reach()
    health = examine()
    if as_json:
        show_json(document(health))
    else:
        show(screen(health))
        for problem in health.problems:
            say(f"✗ {problem}", style="red")
        for warning in health.warnings:
            say(f"! {warning}", style="yellow")
    return not health.problems


def screen(health: Health) -> Table:
    """Return what was found, one line for each part."""
    made = table("", "", "", wrap=("",))
    made.show_header = False
    schema = f"{GAP}schema {health.schema}" if health.schema else ""
    line(made, "database", health.database and f"{health.database}{schema}")
    line(made, "broker", health.broker)
    line(made, "workers", ", ".join(health.workers or ()))
    if health.events is not None:
        about = "" if health.events_exact else "about "
        position = f"safe position {health.safe_position:,}"
        line(made, "events", f"{about}{health.events:,}{GAP}{position}")
    if health.commands is not None:
        line(made, "commands", of_commands(health.commands), well=not health.parked_commands)
    if health.queues:
        line(made, "queues", GAP.join(f"{name} {n:,}" for name, n in health.queues.items()))
    if health.dead_letters:
        line(made, "dead letters", f"{health.dead_letters:,}", well=False)
    for one in health.subscriptions:
        paused = f"paused{GAP}" if one.is_paused else ""
        text = f"{paused}{one.waiting:,} waiting{GAP}{one.parked:,} parked"
        line(made, f"to {one.name}", text, well=one.problem is None)
    for progress in health.projections:
        text = f"{progress.checkpoint.status}{GAP}lag {lag(progress) or 'unknown'}"
        if progress.lag:
            text += f"{GAP}{span(progress.seconds_behind or 0)} behind"
        line(made, progress.name, text, well=progress.problem is None)
    return made


def line(to: Table, name: str, text: str | None, *, well: bool | None = None) -> None:
    """Add a line with its mark; no text means that it did not answer."""
    good = text is not None and text != "" if well is None else well
    mark = Text("✓", "green") if good else Text("✗", "red")
    add(to, mark, Text(name, "bold"), text or "no answer")


def of_commands(commands: Commands) -> str:
    """Return the numbers by status, with the age of the oldest that waits."""
    about = "" if commands.exact else "about "
    parts = [f"{about}{number:,} {status}" for status, number in commands.by_status.items()]
    if commands.oldest is not None:
        parts.append(f"the oldest waits for {span(commands.oldest)}")
    return GAP.join(parts)


def document(health: Health) -> dict[str, Any]:
    """Return everything for a program."""
    commands = health.commands
    return {
        "ok": not health.problems,
        "problems": health.problems,
        "warnings": health.warnings,
        "database": health.database,
        "schema": health.schema,
        "broker": health.broker,
        "workers": health.workers,
        "events": health.events,
        "events_exact": health.events_exact,
        "safe_position": health.safe_position,
        "commands": commands and commands.by_status,
        "oldest_accepted_seconds": commands and commands.oldest,
        "queues": health.queues,
        "dead_letters": health.dead_letters,
        "subscriptions": [about(one) for one in health.subscriptions],
        "projections": [standing(progress) for progress in health.projections],
    }
