"""The screen of `fleetlog projections`: how far each of them is."""

from typing import Any

from store.engine import Role
from workers.console import figures
from workers.console.figures import MOST_LAG, Progress
from workers.console.output import add, say, show, show_json, span, table
from workers.fleet import fleet


def tell_projections(*, as_json: bool) -> None:
    """Print them, and below what a person should look at."""
    with fleet.database.connect(Role.READER) as connection:
        found = figures.progress(connection)
    if as_json:
        show_json([document(progress) for progress in found])
        return
    show(rows(found))
    for progress in found:
        if progress.problem:
            say(progress.problem, style="red")


def rows(found: list[Progress]) -> Any:
    """Return them as a table."""
    made = table(
        *("projection", "position", "lag", "behind", "status", "version", "parked", "epoch"),
        "owner",
        right=("position", "lag", "behind", "version", "parked", "epoch"),
    )
    for progress in found:
        at = progress.checkpoint
        behind = None if progress.seconds_behind is None else span(progress.seconds_behind)
        add(
            made,
            *(progress.name, f"{at.last_global_sequence:,}", lag(progress), behind, at.status),
            *(at.version, progress.parked_streams, at.epoch, at.owner),
            style="red" if progress.problem else None,
        )
    return made


def lag(progress: Progress) -> str | None:
    """Return the lag for people; what is not declared here cannot be told."""
    if progress.lag is None:
        return None
    return f"{progress.lag:,}{'+' if progress.lag == MOST_LAG else ''}"


def document(progress: Progress) -> dict[str, Any]:
    """Return the same for a program."""
    at = progress.checkpoint
    return {
        "name": progress.name,
        "position": at.last_global_sequence,
        "lag": progress.lag,
        "seconds_behind": progress.seconds_behind,
        "status": at.status,
        "version": at.version,
        "declared_version": progress.declared_version,
        "parked_streams": progress.parked_streams,
        "owner": at.owner,
        "epoch": at.epoch,
        "generation": at.generation,
        "last_updated": at.last_updated,
        "error": at.error,
    }
