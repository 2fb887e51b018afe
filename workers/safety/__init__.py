"""Refusing to be unsafe: what is looked at before the fleet starts, and what is made of it."""

from workers.safety import broker, database, schema
from workers.safety.findings import Verdict, judge

__all__ = ["Verdict", "examine", "judge"]


def examine() -> Verdict:
    """
    Look at both servers and judge what was found.

    A database that is away raises, as every call to it does. A broker may be away: nothing that
    was accepted depends on it, and workers wait for it.
    """
    misfit = schema.misfit(schema.version_found())
    found = [misfit] if misfit else []
    if misfit is None or misfit.hazard:
        found += database.findings()
    return judge([*found, *broker.findings_if_there()])
