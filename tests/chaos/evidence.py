"""What the checker looks at, and what it read in the database, plainly, past the store's code."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

from redis import Redis

from store.engine import Database, Role
from tests.chaos.history import Entry

FACTS = """
select global_sequence, event_id, aggregate_id, aggregate_type, event_type, version,
       sequence_number, data::text, timestamp, metadata ->> 'command_id'
from fleetlog.events order by global_sequence
"""
COMMANDS = """
select command_id, command_type, aggregate_id, status, payload::text, result, attempts,
       error ->> 'type'
from fleetlog.commands order by accepted_no
"""
PROJECTIONS = frozenset(
    {
        *("user_directory", "order_board", "toy_shelf"),
        *("activity", "deactivations", "order_figures", "audit_log", "address_book"),
    }
)


@dataclass(frozen=True)
class Evidence:
    """A run that is over: its servers, around the proxies, and what was written down meanwhile."""

    database: Database
    redis: Redis
    entries: Sequence[Entry]
    seen: Path
    """The live reader's log."""
    random: Random
    projections: frozenset[str] = PROJECTIONS
    """Those that the fleet must have kept."""
    was_asked_again: bool = False
    """Whether what nobody had heard the end of was submitted again when all was quiet."""
    attempts: int = 5
    """Those after which a command is parked."""
    pause: float = 1.0
    """Seconds between two looks at what must not change any more."""

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.connect(Role.READER) as connection:
            return connection.execute(query.encode()).fetchall()


class Fact(NamedTuple):
    """One row of the events."""

    position: int
    event_id: UUID
    aggregate_id: str
    aggregate_type: str
    event_type: str
    version: int
    number: int
    data: str
    timestamp: datetime
    command_id: str | None

    @property
    def payload(self) -> Any:
        return json.loads(self.data)


class CommandRow(NamedTuple):
    """One row of the commands."""

    command_id: UUID
    command_type: str
    aggregate_id: str
    status: str
    data: str
    result: dict[str, Any] | None
    attempts: int
    refusal: str | None
    """The name of the error's class, whether it was refused or set aside for it."""

    @property
    def payload(self) -> Any:
        return json.loads(self.data)

    def __str__(self) -> str:
        return f"{self.command_type} {self.command_id}"


@dataclass(frozen=True)
class Facts:
    """All that is stored, in the order in which it was."""

    events: Sequence[Fact]
    commands: Mapping[UUID, CommandRow]

    @cached_property
    def effects(self) -> Mapping[UUID, Sequence[Fact]]:
        """What each command has recorded, in order."""
        found: dict[UUID, list[Fact]] = {}
        for fact in self.events:
            if fact.command_id is not None:
                found.setdefault(UUID(fact.command_id), []).append(fact)
        return found

    @cached_property
    def streams(self) -> Mapping[str, Sequence[Fact]]:
        """Each aggregate's events, in the global order."""
        in_streams = sorted(self.events, key=attrgetter("aggregate_id"))  # stable: still in order
        return {id: list(facts) for id, facts in groupby(in_streams, attrgetter("aggregate_id"))}

    def of_type(self, aggregate_type: str) -> Iterator[Fact]:
        return (fact for fact in self.events if fact.aggregate_type == aggregate_type)


def gather(evidence: Evidence) -> Facts:
    """Read it all."""
    events = [Fact(*row) for row in evidence.rows(FACTS)]
    commands = (CommandRow(*row) for row in evidence.rows(COMMANDS))
    return Facts(events, {command.command_id: command for command in commands})
