"""The beat's entries, made from the table in `beat_schedule.py`."""

from typing import Any

from beat_schedule import HABITS
from store.projection import projections

TICK = {"fleetlog_tick": True}


def beat_entries() -> dict[str, dict[str, Any]]:
    """
    Return one entry for each habit, and one for each projection where the table says "*".

    A tick does not expire, since the clocks of beat and worker may differ; it is not sent where
    many messages wait already, so that ticks never pile up without end.
    """
    return {
        " ".join((task, *arguments)): {
            "task": task,
            "args": arguments,
            "schedule": seconds,
            "options": {"headers": TICK},
        }
        for task, argument, seconds in HABITS
        for arguments in expanded(argument)
    }


def expanded(argument: str | None) -> list[tuple[str, ...]]:
    if argument is None:
        return [()]
    if argument == "*":
        return [(projection.name,) for projection in projections()]
    return [(argument,)]
