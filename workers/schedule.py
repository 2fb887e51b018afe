"""The beat's entries, made from the table in `beat_schedule.py`."""

from typing import Any

from beat_schedule import HABITS
from store.projection import projections


def beat_entries() -> dict[str, dict[str, Any]]:
    """
    Return one entry for each habit, and one for each projection where the table says "*".

    A tick that nobody took before the next one expires: ticks never pile up.
    """
    return {
        " ".join((task, *arguments)): {
            "task": task,
            "args": arguments,
            "schedule": seconds,
            "options": {"expires": max(seconds, 1.0)},
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
