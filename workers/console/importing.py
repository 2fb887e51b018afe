"""The screen of `fleetlog import`: a file of history, taken in a thousand events at a time."""

import time
from collections.abc import Sequence
from typing import NamedTuple

import psycopg
from sqlalchemy.exc import DBAPIError

from store.arriving import Arrival
from store.errors import ConcurrencyError
from store.importing import Importer
from workers.console.bars import Bar, Bars
from workers.console.bell import Bell
from workers.console.endings import Failure, Interrupted
from workers.console.event_lines import Reading, chunks
from workers.console.failures import explain
from workers.console.faults import Faults
from workers.console.interrupts import held_back
from workers.console.lines import BadLineError, Source, opened
from workers.console.output import counted, show, show_json, span
from workers.fleet import fleet

GAP = "   "


class Way(NamedTuple):
    """How an import is to go."""

    skip: bool
    append: bool
    as_json: bool


def import_file(path: str, reading: Reading, way: Way) -> bool:
    """Take a file in; returns whether all its events are in the store now."""
    run = ImportRun(reading, way)
    with opened(path) as source, Bars() as bars:
        run.take_all(source, bars.bar("events taken in"))
    stop = run.faults.stop
    if way.as_json:
        show_json(run.document())
    elif stop is not None:
        raise Failure(
            f"{stop}. What stands before it is kept: {run.kept()}; mend the line and run this "
            "again, or pass over such lines with --on-error skip"
        )
    else:
        show(GAP.join(run.counts()))
    return stop is None and not run.faults.count


class ImportRun:
    """One way through a file."""

    def __init__(self, reading: Reading, way: Way) -> None:
        self.faults = Faults(passed_over=way.skip)
        self.new = self.repeats = self.last_line = 0
        self._reading = reading
        self._importer = Importer(fleet.database, append=way.append, stop=not way.skip)
        self._bell = Bell()
        self._start = time.monotonic()

    @property
    def done(self) -> int:
        return self.new + self.repeats

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    def take_all(self, source: Source, bar: Bar) -> None:
        """Take in all that the file holds, or what stands before the line that stops us."""
        try:
            for chunk in chunks(iter(source), self._reading, self.faults):
                with held_back():  # so that what we say is what was stored
                    self._take(chunk)
                rate = f"{self.done / self.seconds:,.0f}/s"
                bar.at(self.done, source.estimate(self.done), rate)
        except KeyboardInterrupt:
            raise Interrupted(f"{self.kept()}{self._up_to()}; run this again to go on") from None
        except (psycopg.Error, DBAPIError, ConcurrencyError) as error:
            sentence = explain(error) or type(error).__name__
            raise Failure(
                f"{sentence}. {self.kept()}{self._up_to()}; run this again to go on"
            ) from error
        finally:
            self._bell.ring_last()
        bar.at(self.done, self.done)

    def _take(self, chunk: Sequence[Arrival]) -> None:
        taken = self._importer.take(chunk)
        self.new += taken.new
        self.repeats += taken.repeats
        self._bell.ring(one.foreign.aggregate_type for one in taken.to_write)
        for refusal in taken.refusals:
            self.faults.note(BadLineError(refusal.number, str(refusal.error)))
        self.last_line = chunk[-1].number

    def kept(self) -> str:
        return (
            f"{counted(self.new, 'event')} taken in, {counted(self.repeats, 'event')} there already"
        )

    def counts(self) -> list[str]:
        rate = f", {self.done / self.seconds:,.0f} a second" if self.done else ""
        parts = [
            counted(self.done, "event"),
            f"{self.new:,} new",
            f"{self.repeats:,} there already",
        ]
        parts += [counted(self.faults.count, "bad line")] if self.faults.count else []
        return [*parts, f"{span(self.seconds)}{rate}"]

    def document(self) -> dict[str, object]:
        """Return the summary for a program; `stopped_at` is the line that was the end."""
        stop = self.faults.stop
        return {
            "events": self.done,
            "new": self.new,
            "repeats": self.repeats,
            "bad_lines": self.faults.count + (stop is not None),
            "stopped_at": stop and stop.number,
            "error": stop and str(stop),
            "seconds": round(self.seconds, 3),
            "per_second": round(self.done / self.seconds, 1),
        }

    def _up_to(self) -> str:
        return f", up to line {self.last_line:,}" if self.last_line else ""
