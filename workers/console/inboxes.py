"""The screen of `fleetlog commands`: what was asked, and what became of it."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from rich.table import Table

from store.engine import Role
from workers.console import figures
from workers.console.endings import Failure
from workers.console.masking import command_fields
from workers.console.output import (
    add,
    as_fields,
    counted,
    plain,
    say,
    show,
    show_json,
    show_with_notes,
    span,
    table,
)
from workers.fleet import fleet

COLUMNS = """
select command_id, command_type, aggregate_id, accepted_no, status, attempts, payload::text,
       metadata::text, result::text, error::text, accepted_at, finished_at,
       extract(epoch from clock_timestamp() - accepted_at)::float
from fleetlog.commands
"""
ONE = f"{COLUMNS} where command_id = %b"
NEWEST = f"""
{COLUMNS}
where (status = %b::text or (%b::text is null and status <> 'done'))
  and (%b::text is null or command_type = %b::text)
  and (%b::text is null or aggregate_id = %b::text)
order by accepted_no desc limit %b::bigint
"""
STYLES = {"accepted": None, "done": "green", "rejected": "yellow", "parked": "red"}


class Wanted(NamedTuple):
    """Which commands to show; without a status those that are not done."""

    status: str | None
    command_type: str | None
    aggregate_id: str | None
    limit: int


class Row(NamedTuple):
    """One command as it lies in the table."""

    command_id: UUID
    command_type: str
    aggregate_id: str
    accepted_no: int
    status: str
    attempts: int
    payload: str
    metadata: str
    result: str | None
    error: str | None
    accepted_at: datetime
    finished_at: datetime | None
    age: float

    @property
    def fields(self) -> dict[str, Any]:
        """Return the payload, marked fields hidden."""
        return command_fields(self.command_type, msgspec.json.decode(self.payload))

    @property
    def reason(self) -> str | None:
        """Return what it was refused for, or failed with last."""
        return msgspec.json.decode(self.error).get("message") if self.error else None


def tell_commands(wanted: Wanted, *, as_json: bool) -> None:
    """Print the newest of those that are wanted, and how many there are of each status."""
    status, command_type, aggregate_id, limit = wanted
    filters = (status, status, command_type, command_type, aggregate_id, aggregate_id)
    with fleet.database.connect(Role.READER) as connection:
        counts = figures.commands(connection)
        found = [Row(*row) for row in connection.execute(NEWEST, (*filters, limit), binary=True)]
    if as_json:
        show_json({"counts": counts.by_status, "commands": [document(row) for row in found]})
        return
    about = "" if counts.exact else "about "
    show("   ".join(f"{about}{n:,} {status}" for status, n in counts.by_status.items()))
    if found:
        show("")
        show_with_notes(rows(found), [note(row) for row in found])
    if len(found) == limit:
        say(f"the newest {limit}; more with --limit", style="dim")


def rows(found: list[Row]) -> Table:
    """Return commands as a table, one line each."""
    made = table("age", "status", "command", "for", "command id", right=("age",))
    for row in found:
        cells = (span(row.age), row.status, row.command_type, row.aggregate_id, row.command_id)
        add(made, *cells, style=STYLES.get(row.status, "dim"))
    return made


def note(row: Row) -> str:
    """Return what a person wants to know about it: why it is not done, or what it asks for."""
    tries = f"after {counted(row.attempts, 'try', 'tries')}: " if row.attempts else ""
    return f"{tries}{row.reason or as_fields(row.fields)}"


def tell_command(command_id: UUID, *, as_json: bool) -> None:
    """Print all there is about one; raises Failure when nobody knows it."""
    with fleet.database.connect(Role.READER) as connection:
        found = connection.execute(ONE, (command_id,), binary=True).fetchone()
    if found is None:
        raise Failure(f"no command {command_id} was ever accepted")
    row = Row(*found)
    if as_json:
        show_json(document(row))
        return
    made = table("", "")
    made.show_header = False
    for name, value in document(row).items():
        if value is not None:
            text = as_fields(value) if isinstance(value, dict) else value
            add(made, name.replace("_", " "), plain(text))
    show(made)


def document(row: Row) -> dict[str, Any]:
    """Return one command for a program."""
    return {
        "command_id": row.command_id,
        "command_type": row.command_type,
        "aggregate_id": row.aggregate_id,
        "status": row.status,
        "attempts": row.attempts,
        "data": row.fields,
        "metadata": msgspec.json.decode(row.metadata),
        "result": row.result and msgspec.json.decode(row.result),
        "error": row.error and msgspec.json.decode(row.error),
        "accepted_no": row.accepted_no,
        "accepted_at": row.accepted_at,
        "finished_at": row.finished_at,
    }
