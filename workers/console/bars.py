"""Progress: bars on a terminal, now and then a plain line elsewhere."""

from contextlib import AbstractContextManager
from time import monotonic
from types import TracebackType
from typing import Self

from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from workers.console.output import err, say

PLAIN_EVERY = 5.0  # seconds between two plain lines


class Counts(ProgressColumn):
    """How many of how many, with the total only where it is known."""

    def render(self, task: Task) -> Text:
        """Return it for one bar."""
        of = "" if task.total is None else f" of {task.total:,.0f}"
        return Text(f"{task.completed:,.0f}{of}")


class Bars(AbstractContextManager["Bars"]):
    """Any number of bars, one below the other, on standard error."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=32),
            Counts(),
            TextColumn("{task.fields[note]}", style="dim"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=err,
            disable=not err.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def bar(self, label: str, total: int | None = None) -> "Bar":
        """Start a bar; without a total it only says that it is alive."""
        return Bar(self._progress, label, total)


class Bar:
    """One thing that takes a while."""

    def __init__(self, progress: Progress, label: str, total: int | None) -> None:
        self._progress = progress
        self._label = label
        self._total = total
        self._task: TaskID = progress.add_task(label, total=total, note="")
        self._last = monotonic()
        self._start = self._last

    def at(self, done: int, total: int | None = None, note: str = "") -> None:
        """Say how far it is."""
        self._total = total or self._total
        self._progress.update(self._task, completed=done, total=self._total, note=note)
        if self._progress.disable and monotonic() - self._last >= PLAIN_EVERY:
            self._last = monotonic()
            of = f" of {self._total:,}" if self._total is not None else ""
            passed = f"{monotonic() - self._start:.0f} s"
            say("  ".join(part for part in (f"{self._label}: {done:,}{of}", note, passed) if part))
