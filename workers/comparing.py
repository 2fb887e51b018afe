"""Comparing: the next generation and the live one, as they were at one position."""

import time
from contextlib import ExitStack

from store.comparing import Comparison, compare, frozen
from store.engine import Connection
from store.errors import FencedError, GenerationError, NoReaderError
from store.projection import Projection
from workers.fleet import fleet
from workers.projecting import named
from workers.rebuilding import come_close
from workers.standstill import NoStandstillError, align, live_readers, standstill, wake

BREATH = 0.05


def compared(name: str, *, within: float, limit: int = 100) -> Comparison:
    """
    Compare the next generation with the live one, both as they were at one position.

    Raises GenerationError when there is none, NoStandstillError when they never stood still.
    """
    declared = named(name)
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        come_close(name, deadline)
        with ExitStack() as stack:
            instant = frozen_together(declared, stack)
            wake(name)  # the live readers go on, our connection sees them as they stood
            if instant is not None:
                connection, suffix = instant
                return compare(connection, declared, suffix, limit)
        time.sleep(BREATH)
    raise NoStandstillError(name, within)


def frozen_together(declared: Projection, stack: ExitStack) -> tuple[Connection, str] | None:
    """Return a connection that sees both generations at one position, and the next one's suffix."""
    try:
        with standstill(declared.name, "next") as coming:
            if coming is None:
                return None
            if not coming:
                raise GenerationError(declared.name, "is not being rebuilt")
            live = live_readers(declared.name)
            ours = live if live[0].version == declared.version else []
            align(declared, [*ours, *coming])
            return stack.enter_context(frozen(fleet.database)), coming[0].table_suffix
    except (FencedError, NoReaderError):
        return None
