"""Waiting until read models show what a file of commands appended."""

import time
from collections import Counter
from collections.abc import Sequence

from store import waiting_for_many
from store.arrays import UuidArray
from workers.awaiting import aggregate_type_of
from workers.console.bars import Bar, Bars
from workers.console.endings import Failure
from workers.console.output import counted
from workers.fleet import fleet
from workers.projecting import named

POLL = 0.05


def until_shown(
    names: Sequence[str], chunks: Sequence[UuidArray], bars: Bars, deadline: float | None
) -> None:
    """
    Return when each projection shows what those of the commands appended that concern it.

    Raises Failure when that takes too long or some of it was parked, ProjectionHaltedError.
    """
    ends: Counter[str] = Counter()
    for chunk in chunks:
        ends |= Counter(waiting_for_many.farthest(fleet.database, chunk))
    for name in names:
        end = max(concerning(name, ends), default=0)
        until_reached(name, end, bars.bar(name, end), deadline)
        require_nothing_parked(name, chunks)


def concerning(name: str, ends: Counter[str]) -> list[int]:
    """Return the ends of those types of command that write what this projection reads."""
    reads = named(name).reads
    return [end for command, end in ends.items() if reads(aggregate_type_of(command))]


def until_reached(name: str, end: int, bar: Bar, deadline: float | None) -> None:
    while (place := waiting_for_many.reached(fleet.database, name, end)) < end:
        bar.at(place)
        if deadline is not None and time.monotonic() > deadline:
            raise Failure(
                f"all commands are settled, but projection {name!r} has not come to position "
                f"{end}, it is at {place}; it will. Does a worker run? Ask: fleetlog projections"
            )
        time.sleep(POLL)
    bar.at(end)


def require_nothing_parked(name: str, chunks: Sequence[UuidArray]) -> None:
    missing = sum(waiting_for_many.parked(fleet.database, name, chunk) for chunk in chunks)
    if missing:
        raise Failure(
            f"projection {name!r} has parked events of {counted(missing, 'aggregate')} and shows "
            f"earlier states of them; why: fleetlog projections, then: "
            f"fleetlog retry --projection {name}"
        )
