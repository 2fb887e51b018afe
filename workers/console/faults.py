"""Bad lines of a file: passed over and counted, or the first of them is the end."""

from workers.console.lines import BadLineError
from workers.console.output import say

SHOWN_FAULTS = 10


class Faults:
    """What was wrong with a file so far; `stop` is the line at which reading ends."""

    def __init__(self, *, passed_over: bool) -> None:
        self.count = 0
        self.stop: BadLineError | None = None
        self._passed_over = passed_over

    def note(self, error: BadLineError) -> None:
        """Count a bad line and say so, or stop at it."""
        if not self._passed_over:
            self.stop = error
            return
        self.count += 1
        if self.count <= SHOWN_FAULTS:
            say(f"passed over {error}", style="yellow")
        elif self.count == SHOWN_FAULTS + 1:
            say("more bad lines are only counted", style="yellow")
