"""Commands as the store sees them: accepted, settled, looked at."""

from uuid import uuid4

import psycopg

from store.engine import Connection, Database, Role
from store.event_store import CommandRow
from tests.conftest import TestDatabase

ACCEPT = (
    "select standing from fleetlog.accept_commands(%s::uuid[], %s::text[], %s::text[], "
    "%s::text[], array['{}'], array[null])"
)
SET_ASIDE = "select fleetlog.set_aside_command(%s, %s, %s)"
STATUS = "select status, result, error from fleetlog.commands where command_id = %s"
PAYLOAD = '{"n": 1}'


def new_command(payload: str = PAYLOAD, command_type: str = "Load") -> CommandRow:
    """Return a command that brings its own row."""
    return CommandRow(uuid4(), command_type, payload)


def accepted_command(database: Database, stream: str = "s") -> CommandRow:
    """Return a command that was accepted before, by the role that accepts them."""
    command = new_command()
    with database.connect(Role.WRITER) as connection:
        accept(connection, command, stream)
    return CommandRow(command.command_id)


def command_in_every_state(database: Database, state: str) -> CommandRow:
    """A command that brings its own row, one that was accepted before, or one that does both."""
    if state == "accepted":
        return accepted_command(database)
    command = new_command()
    if state == "both":
        with database.connect(Role.WRITER) as connection:
            accept(connection, command, "s")
    return command


def accept(connection: Connection, command: CommandRow, stream: str) -> str:
    values = ([command.command_id], [command.command_type], [stream], [command.payload])
    row = connection.execute(ACCEPT, values).fetchone()
    return str(row[0]) if row else ""


def set_aside(database: Database, command: CommandRow, status: str) -> None:
    with database.connect(Role.WRITER) as connection:
        connection.execute(SET_ASIDE, (command.command_id, status, '{"reason": "test"}'))


def status_of(fresh: TestDatabase, command: CommandRow) -> str | None:
    """Return what became of a command, None when the store never heard of it."""
    with psycopg.connect(fresh.admin_url, autocommit=True) as connection:
        row = connection.execute(STATUS, (command.command_id,)).fetchone()
    return str(row[0]) if row else None
