"""Inboxes for tests: commands put into them, handlers that empty them, questions afterwards."""

from collections.abc import Iterable
from uuid import UUID, uuid4

import psycopg

from domain.command import Command
from store.cache import AggregateCache
from store.codec import Metadata
from store.draining import Drain
from store.engine import Database, Role
from store.event_store import EventStore
from store.handling import CommandHandler, Worked
from store.inbox import CommandState, Inbox, Submission
from tests.conftest import TestDatabase
from tests.integration.accepting import accept, new_command
from tests.toys import Rang, Ring

OPEN = "select count(*) from fleetlog.commands where status = 'accepted'"
# A session waits for one of these, and which: namespace 17751 is that of the inboxes.
WAITING = (
    "select count(*) from pg_locks where locktype = 'advisory' and not granted "
    "and classid::bigint >> 16 = 17751"
)


def submission(
    command: Command, command_id: UUID | None = None, metadata: Metadata | None = None
) -> Submission:
    return Submission(
        command_id=command_id or uuid4(), command=command, metadata=metadata or Metadata()
    )


def submitted(inbox: Inbox, *commands: Command) -> list[UUID]:
    """Accept commands in this order; returns their ids."""
    answers = inbox.accept([submission(command) for command in commands])
    return [answer.command_id for answer in answers]


def rings(toy_id: str, notes: Iterable[int]) -> list[Ring]:
    return [Ring(toy_id=toy_id, note=note) for note in notes]


def accept_unheard(database: Database, toy_id: str) -> UUID:
    """Accept a command that some newer code has submitted, and no class here answers."""
    command = new_command(command_type="PolishToy")
    with database.connect(Role.WRITER) as connection:
        accept(connection, command, toy_id)
    return command.command_id


def drain(database: Database, cache: AggregateCache | None = None) -> Drain:
    return Drain(database, cache or AggregateCache(size=100, ttl_seconds=60))


def handler(database: Database, *, max_attempts: int = 3, pause: float = 0.0) -> CommandHandler:
    """Return a handler with a memory of its own, as every worker process has one."""
    return CommandHandler(
        Inbox(database), drain(database), max_attempts=max_attempts, first_pause=pause
    )


def work_off(handler: CommandHandler, *aggregate_ids: str, suspicious: bool = False) -> Worked:
    return handler.work_off(aggregate_ids, suspicious=suspicious)


def state_of(inbox: Inbox, command_id: UUID) -> CommandState:
    state = inbox.find(command_id)
    assert state is not None
    return state


def statuses(inbox: Inbox, command_ids: Iterable[UUID]) -> list[str]:
    return [state_of(inbox, command_id).status for command_id in command_ids]


def notes(store: EventStore, toy_id: str) -> list[int]:
    """Return what a toy has rung, in order."""
    events = [recorded.event for recorded in store.load_events(toy_id)]
    return [event.note for event in events if isinstance(event, Rang)]


def count(fresh: TestDatabase, query: str) -> int:
    with psycopg.connect(fresh.admin_url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0
