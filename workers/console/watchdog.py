"""
A small process that ends the fleet's processes when their parent was killed.

It reads from a pipe whose other end only the parent holds: `+ID` a process was started in a
group of its own, `-ID` it is gone. The end of the pipe is the end of the parent, however it
came about. Run as a script by the supervisor; imports nothing that takes time.
"""

import contextlib
import os
import signal
import sys
import time

GRACE_SECONDS = 15.0
POLL = 0.05


def watch() -> None:
    """Keep the list; when the pipe ends, end what is on it."""
    groups: set[int] = set()
    for line in sys.stdin:
        change, id = line[:1], int(line[1:])
        groups.add(id) if change == "+" else groups.discard(id)
    end(groups)


def end(groups: set[int]) -> None:
    """Ask each group's leader to stop, and kill what is left of the groups after a while."""
    for id in groups:
        with contextlib.suppress(ProcessLookupError):
            os.kill(id, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(alive(id) for id in groups) and time.monotonic() < deadline:
        time.sleep(POLL)
    for id in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(id, signal.SIGKILL)


def alive(group: int) -> bool:
    """Say whether anything of this group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # some systems answer so for what is only waited for
        return True
    return True


if __name__ == "__main__":
    watch()
