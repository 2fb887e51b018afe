"""The screen of `fleetlog audit`: what happened, in words, and why."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from rich.table import Table

from store.audit_table import AuditEntry
from store.auditing import command_types, page
from store.engine import Role
from store.projection import projection
from workers.console import figures
from workers.console.endings import Failure
from workers.console.figures import MOST_LAG, Progress
from workers.console.output import add, counted, plain, say, show_json, show_with_notes, table
from workers.fleet import fleet

NAME = "audit_log"


def tell_audit(filters: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the entries that fit, and say where the log itself is not complete."""
    if projection(NAME) is None:
        raise Failure("no audit log is kept here: name store.read_models in FLEETLOG_DOMAIN")
    with fleet.database.connect(Role.READER) as connection:
        # Asked first: what is folded meanwhile only makes the log more complete than we say.
        progress = [p for p in figures.progress(connection) if is_live(p)]
        found = page(connection, **filters)
        types = command_types(connection, found)
    if as_json:
        show_json(document(found, types, progress))
        return
    if found:
        show_with_notes(rows(found), [note(entry, types) for entry in found])
    else:
        say("nothing fits", style="dim")
    if len(found) == filters["limit"]:
        say(f"{counted(len(found), 'entry', 'entries')}; {whats_next(found, filters)}", style="dim")
    for warning in warnings(progress):
        say(warning, style="red")


def is_live(progress: Progress) -> bool:
    at = progress.checkpoint
    return at.projection == NAME and at.standing == "live"


def warnings(progress: list[Progress]) -> list[str]:
    """Say what is not in the log: an auditor must not take silence for an answer."""
    told = [one.problem for one in progress if one.problem]
    unread = sum(one.lag or 0 for one in progress)
    if unread:
        about = "at least " if unread >= MOST_LAG else ""
        told.append(f"the audit log is behind: {about}{counted(unread, 'event')} not in it yet")
    return told


def whats_next(found: list[AuditEntry], filters: Mapping[str, Any]) -> str:
    if filters["after_position"] is None:
        return "earlier ones with --limit, or page by page from --after 0"
    return f"go on with --after {found[-1].position}"


def rows(found: list[AuditEntry]) -> Table:
    """Return entries as a table; the time is when it happened."""
    made = table("position", "time (UTC)", "actor", "what", right=("position",), wrap=("what",))
    for entry in found:
        add(made, entry.position, entry.occurred_at or entry.at, entry.actor, entry.words)
    return made


def note(entry: AuditEntry, types: Mapping[UUID, str]) -> str:
    """Return what changed and why, on one line."""
    command = types.get(entry.command_id) if entry.command_id else None
    said = [changed(one) for one in entry.changes if one["old"] != one["new"] or hidden(one)]
    said += [f"because {entry.reason}"] if entry.reason else []
    said += [f"by {command} {entry.command_id}"] if command else []
    return "; ".join(said)


def hidden(change: Mapping[str, Any]) -> bool:
    """Whether it may have changed: two values that are both hidden look alike."""
    return bool(change["new"] == "***")


def changed(change: Mapping[str, Any]) -> str:
    before = "" if change["old"] is None else f"{plain(change['old'])} → "
    return f"{change['field']}: {before}{plain(change['new'])}"


def document(
    found: list[AuditEntry], types: Mapping[UUID, str], progress: list[Progress]
) -> dict[str, Any]:
    """Return the page for a program; `warnings` say what is not in the log."""
    entries = [
        {**asdict(one), "command_type": types.get(one.command_id) if one.command_id else None}
        for one in found
    ]
    return {"entries": entries, "warnings": warnings(progress)}
