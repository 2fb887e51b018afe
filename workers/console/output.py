"""What the screens are made of: tables, JSON, and text that cannot play tricks on a terminal."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import UUID

import click
import msgspec
import structlog
from rich.console import Console
from rich.table import Table
from rich.text import Text

# What people stored is shown, never interpreted: neither as markup nor by the terminal.
out = Console(markup=False, emoji=False, highlight=False)
err = Console(stderr=True, markup=False, emoji=False, highlight=False)

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
TRAILING = re.compile(r" +$", re.MULTILINE)
NARROWEST = 14  # of a column whose texts go round
GAP = 2
INDENT = " " * 8
WIDE = 1000  # nobody's lines are cut when a program reads them
MINUTE, HOUR, DAY = 60, 3600, 86_400


def shown(value: object) -> str:
    """Return a value as text for a terminal; None is a dash, control characters are spelt out."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return utc(value)
    return CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", str(value))


def utc(time: datetime) -> str:
    """Return a time as everybody reads it, to the millisecond."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def span(seconds: float) -> str:
    """Return a length of time in the unit that fits it."""
    if seconds == 0:
        return "0 s"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 2 * MINUTE:
        return f"{seconds:.1f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / HOUR:.0f} h" if seconds < 2 * DAY else f"{seconds / DAY:.0f} days"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: 1 event, 2,000 events."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def as_fields(data: dict[str, Any]) -> str:
    """Return a message's fields on one line; what is no text is written as JSON."""
    return "  ".join(f"{name}={plain(value)}" for name, value in data.items())


def plain(value: object) -> str:
    if isinstance(value, str | UUID | datetime):
        return shown(value)
    return shown(msgspec.json.encode(value).decode())


def table(*columns: str, right: Sequence[str] = (), wrap: Sequence[str] = ()) -> Table:
    """Return a table without lines; only the columns in `wrap` may take more than one."""
    made = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for name in columns:
        justify = "right" if name in right else "left"
        folds = name in wrap
        overflow = "fold" if folds else "ellipsis"
        made.add_column(name, justify=justify, no_wrap=not folds, overflow=overflow)  # type: ignore[arg-type]
    return made


def add(to: Table, *cells: object, style: str | None = None) -> None:
    """Add a row of plain values."""
    to.add_row(
        *(cell if isinstance(cell, Text) else Text(shown(cell)) for cell in cells), style=style
    )


def show(*things: Table | Text | str) -> None:
    """
    Print on standard output; nothing is cut off.

    A program gets full lines without blanks at their ends. On a narrow terminal long texts go
    round within their column, and where even that is not enough lines go round as they are.
    """
    for thing in things:
        click.echo(rendered(thing), nl=False, color=True)


def show_with_notes(rows: Table, notes: Sequence[str]) -> None:
    """Print a table with a note on each row: below it on a terminal, else at the line's end."""
    header, *lines = rendered(rows).splitlines()
    click.echo(header, color=True)
    for line, note in zip(lines, notes, strict=True):
        if out.is_terminal:
            click.echo(line, color=True)
            click.echo(rendered(Text(f"{INDENT}{shown(note)}", "dim")), nl=False, color=True)
        else:
            click.echo(f"{line}{' ' * GAP}{shown(note)}")


def rendered(thing: Table | Text | str) -> str:
    tty = out.is_terminal
    needed = needed_width(thing) if isinstance(thing, Table) else 0
    console = Console(
        file=out.file,
        width=max(out.width, needed) if tty else WIDE,
        force_terminal=tty,
        markup=False,
        emoji=False,
        highlight=False,
    )
    with console.capture() as capture:
        console.print(thing, soft_wrap=not isinstance(thing, Table))
    return capture.get() if tty else TRAILING.sub("", capture.get())


def needed_width(of: Table) -> int:
    """Return the width below which a table would have to leave something out."""
    widths = []
    for column in of.columns:
        widest = max(len(str(column.header)), *map(cell_width, column.cells), 0)
        widths.append(widest if column.no_wrap else min(widest, NARROWEST))
    return sum(widths) + GAP * (len(widths) - 1)


def cell_width(cell: object) -> int:
    return cell.cell_len if isinstance(cell, Text) else len(str(cell))


def say(text: str, *, style: str | None = None) -> None:
    """Print a word to the person beside the output, on standard error."""
    err.print(Text(text, style=style or ""), soft_wrap=True)


def show_json(document: object) -> None:
    """Print one JSON document."""
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2))


@dataclass
class Step:
    """Something on its way; whoever does it says when it did not go well."""

    well: bool = True


@contextmanager
def step(doing: str) -> Iterator[Step]:
    """Say that something is on its way and, when it is done, how long it took."""
    start, done = monotonic(), Step()
    with err.status(Text(doing), spinner="dots"):
        yield done
    mark = ("✓ ", "green") if done.well else ("✗ ", "red")
    line = Text.assemble(mark, f"{doing:<52}", (span(monotonic() - start), "dim"))
    err.print(line, soft_wrap=True)


class Aside(logging.Handler):
    """Warnings of the libraries, one quiet line each, on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the line where a live display does not mind."""
        say(f"{record.levelname.lower()}: {self.format(record)}", style="yellow")


def quiet_logging() -> None:
    """Let only warnings through: what a command prints is its output."""
    handler = Aside()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
