"""The screen of `fleetlog export`: the store, or a part of it, as CloudEvents JSON lines."""

import gzip
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, NamedTuple, cast

from store.cloud_events import line_of
from store.following import EventFilter, pages, safe_position
from workers.console.bars import Bar, Bars
from workers.console.endings import Failure, Interrupted
from workers.console.lines import STANDARD_INPUT as STANDARD_OUTPUT
from workers.console.output import counted, say, show, show_json, span
from workers.console.pipes import until_closed
from workers.fleet import fleet


class Stretch(NamedTuple):
    """From which position to which, both included; without an end, up to what is final now."""

    first: int = 1
    last: int | None = None


def export(path: str, wanted: EventFilter, stretch: Stretch, *, as_json: bool) -> None:
    """Write a file of events, whole or not at all; or write them to standard output."""
    to_file = path != STANDARD_OUTPUT
    start = time.monotonic()
    end = final(stretch)
    if to_file:
        with opened(Path(path)) as out, Bars() as bars:
            events = write(out, wanted, Stretch(stretch.first, end), bars.bar("events exported"))
    else:
        with until_closed(), Bars() as bars:
            bar = bars.bar("events exported")
            write(cast("BinaryIO", sys.stdout.buffer), wanted, Stretch(stretch.first, end), bar)
        return
    seconds = time.monotonic() - start
    tell(path, events, end, seconds, as_json=as_json)


def final(stretch: Stretch) -> int:
    """Return the last position to be written; raises Failure for one that is not final yet."""
    safe = safe_position(fleet.database)
    if stretch.last is not None and stretch.last > safe:
        raise Failure(f"events are final up to position {safe:,} only; --to now ends there")
    return safe if stretch.last is None else stretch.last


def write(out: BinaryIO, wanted: EventFilter, stretch: Stretch, bar: Bar) -> int:
    """Write lines page by page; returns how many."""
    after, end = stretch.first - 1, stretch.last or 0
    events, start = 0, time.monotonic()
    for page in pages(fleet.database, wanted, after=after, upto=end):
        out.writelines(map(line_of, page.events))
        events += len(page.events)
        rate = f"{events / max(time.monotonic() - start, 0.001):,.0f}/s"
        # Where only some are wanted, the way through the store is what can be measured.
        total = end - after
        bar.at(page.position - after, total, f"{events:,} events  {rate}")
    out.flush()
    return events


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Lend a file to write to, packed if its name says so; see `beside` for what becomes of it."""
    path = path.resolve()  # a link stays one
    with beside(path) if path.is_file() or not path.exists() else path.open("wb") as out:
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", 6, out, mtime=0) as packed:
                yield cast("BinaryIO", packed)
        else:
            yield out


@contextmanager
def beside(path: Path) -> Iterator[BinaryIO]:
    """
    Lend a file that takes the place of `path` once it is complete.

    It may be read by its owner only: there are people's data in it. Pipes and devices are no
    files: they are written to and never replaced.
    """
    part = NamedTemporaryFile(  # noqa: SIM115 - it outlives its block under another name
        dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False
    )
    try:
        with part:
            yield cast("BinaryIO", part)
            part.flush()
            os.fsync(part.fileno())
        Path(part.name).replace(path)
    except KeyboardInterrupt:
        raise Interrupted(f"{path} is as it was before; nothing of it was written") from None
    finally:
        Path(part.name).unlink(missing_ok=True)


def tell(path: str, events: int, end: int, seconds: float, *, as_json: bool) -> None:
    if as_json:
        show_json({"events": events, "to": end, "file": path, "seconds": round(seconds, 3)})
        return
    rate = f", {events / seconds:,.0f} a second" if events else ""
    show(f"{counted(events, 'event')} up to position {end:,} in {path}, {span(seconds)}{rate}")
    say("it holds people's data as it is stored, nothing is hidden", style="dim")
