"""Tending: what the fleet does unasked about projections that are, or ought to be, rebuilt."""

from collections.abc import Callable

from store import checkpoints
from store.checkpoints import Checkpoint
from store.engine import Role
from store.generations import is_built
from store.projection import projections
from workers.fleet import fleet
from workers.rebuilding import begin
from workers.settings import current_settings
from workers.swapping_in import finish


def unfinished() -> dict[str, list[Checkpoint]]:
    """Return the next generations that somebody should see to, by projection."""
    with fleet.database.connect(Role.READER) as connection:
        found = [c for c in checkpoints.all_checkpoints(connection) if c.standing == "next"]
    declared = {one.name: one.version for one in projections()}
    seen: dict[str, list[Checkpoint]] = {}
    for one in found:
        if declared.get(one.projection) == one.version:
            seen.setdefault(one.projection, []).append(one)
    return seen


def changed() -> list[str]:
    """
    Return the projections whose live rows are of an older version than their code.

    Rows of a newer one are left alone: in a rolling deploy we are the ones who are behind.
    """
    with fleet.database.connect(Role.READER) as connection:
        found = checkpoints.all_checkpoints(connection)
    live = {one.projection: one.version for one in found if one.standing == "live"}
    return [p.name for p in projections() if live.get(p.name, p.version) < p.version]


def tend(send: Callable[[str], object]) -> None:
    """
    See to all next generations: `send` word for those to be built, swap in those that are.

    With FLEETLOG_REBUILD_CHANGED, projections whose code has changed are begun here.
    """
    if current_settings().rebuild_changed:
        for name in changed():
            begin(name)
    for name, readers in unfinished().items():
        if not is_built(readers):
            for one in readers:
                if one.status != "running":
                    send(one.projection_name)
        elif not readers[0].held:
            finish(name, within=current_settings().advance_budget_seconds)
