"""Draining inboxes: lock, read, load, decide and settle, in one transaction."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from domain.aggregate import Aggregate, aggregate_for
from store.arrays import TextArray
from store.cache import AggregateCache
from store.deciding import Batch, Failure, Waiting
from store.engine import Connection, Database, Role
from store.repository import load_many
from store.retry import retrying

LOCK = "select fleetlog.lock_inboxes(%b, %b)"
# By inbox, each from its own end of the index: in order over all of them, the planner would walk
# through everybody's backlog.
WAITING = """
select c.command_id, c.command_type, c.aggregate_id, c.payload::text, c.metadata::text, c.attempts,
       extract(epoch from c.not_before - clock_timestamp())::float8
from unnest(%b) as w (id) cross join lateral (
    select * from fleetlog.commands i
    where i.status = 'accepted' and i.aggregate_id = w.id
    order by i.accepted_no limit %b::bigint) c
order by c.accepted_no limit %b::bigint
"""
SETTLE = f"select fleetlog.settle_commands({', '.join(['%b'] * 13)})"
# Decided on a state that has moved on, or on a command that somebody else settled.
OUTDATED = frozenset({"FL001", "FL004"})
STREAM_KEY = "events_stream_key"
# The transaction took longer than a writer may hold everybody up; it would again.
TOO_SLOW = frozenset({"25P03", "25P04"})
MAX_ROUNDS = 20


@dataclass
class Drained:
    """What one call achieved: settled commands, inboxes that failed, types with new events."""

    settled: set[UUID] = field(default_factory=set)
    failures: dict[str, Failure] = field(default_factory=dict)
    appended_types: set[str] = field(default_factory=set)
    skipped: list[str] = field(default_factory=list)  # inboxes that somebody else drains
    resting: dict[str, float] = field(default_factory=dict)  # seconds until their next try
    suspects: list[str] = field(default_factory=list)  # inboxes to be worked off one by one
    seen: int = 0  # commands that were waiting, admitted or not
    more: bool = False  # there may be more waiting than this call could decide


def everybody(_: Waiting) -> bool:
    return True


class Drain:
    """
    Works off accepted commands by aggregate, in the order of acceptance.

    The cache may be behind; every stream is settled against the version it was decided on, so
    an outdated decision, a refusal included, is rolled back and taken again.
    """

    def __init__(self, database: Database, cache: AggregateCache) -> None:
        self._database = database
        self._cache = cache

    def run(
        self,
        aggregate_ids: Sequence[str],
        *,
        wait: bool,
        limit: int = 100,
        admit: Callable[[Waiting], bool] = everybody,
    ) -> Drained:
        """
        Settle up to `limit` commands of these inboxes, those that others drain left out.

        `wait` waits for the others instead. `admit` is asked about every command once its inbox
        is locked, and may be asked again; those it turns away are left as they are.
        """
        for _ in range(MAX_ROUNDS):
            try:
                return retrying(
                    lambda: self._run(aggregate_ids, limit, admit, wait=wait), never=TOO_SLOW
                )
            except psycopg.DatabaseError as error:
                if not is_outdated(error):
                    raise
        raise TimeoutError(f"{len(aggregate_ids)} inboxes changed under {MAX_ROUNDS} decisions")

    def _run(
        self,
        aggregate_ids: Sequence[str],
        limit: int,
        admit: Callable[[Waiting], bool],
        *,
        wait: bool,
    ) -> Drained:
        with self._database.connect(Role.WRITER) as connection, connection.transaction():
            taken = lock(connection, aggregate_ids, wait=wait)
            found = read(connection, taken, limit)
            resting = rests(found)
            suspects = tried_before(found) if admit is everybody else set()
            waiting = [one for one in found if one.aggregate_id not in resting.keys() | suspects]
            admitted = [one for one in waiting if admit(one)]
            # A counted attempt is not wasted on a state that may be outdated.
            batch = Batch(self._load(connection, admitted, trusting=admit is everybody))
            for one in admitted:
                batch.decide(one)
            if batch.decisions:
                connection.execute(SETTLE, batch.parameters(), binary=True)
        self._remember(batch)
        return Drained(
            settled={decision.waiting.command_id for decision in batch.decisions},
            failures=batch.failures,
            appended_types=batch.appended_types,
            skipped=[id for id in aggregate_ids if id not in taken],
            resting=resting,
            suspects=sorted(suspects - resting.keys()),
            seen=len(waiting),
            more=len(found) == limit or batch.postponed,
        )

    def _load(
        self, connection: Connection, waiting: Iterable[Waiting], *, trusting: bool
    ) -> dict[str, Aggregate[Any, Any]]:
        """Take what the cache has, and the rest from the store in one query."""
        found: dict[str, Aggregate[Any, Any]] = {}
        missing = {}
        for one in waiting:
            owner = aggregate_for(one.command_type)
            if owner is None or one.aggregate_id in found or one.aggregate_id in missing:
                continue
            cached = self._cache.take(one.aggregate_id)
            if trusting and isinstance(cached, owner):
                found[one.aggregate_id] = cached
            else:
                missing[one.aggregate_id] = owner
        if missing:
            wanted = [(owner, id) for id, owner in missing.items()]
            found |= load_many(connection, wanted)
        return found

    def _remember(self, batch: Batch) -> None:
        for aggregate in batch.reusable:
            aggregate.committed()
            self._cache.put(aggregate)


def lock(connection: Connection, aggregate_ids: Sequence[str], *, wait: bool) -> set[str]:
    """
    Lock inboxes for this transaction, in a statement before the one that reads them.

    One statement for both would read with a snapshot from before the lock was granted, and
    miss what its last holder left or what was accepted meanwhile.
    """
    row = connection.execute(LOCK, (TextArray.of(aggregate_ids), wait), binary=True).fetchone()
    return set(row[0]) if row else set()


def read(connection: Connection, aggregate_ids: Iterable[str], limit: int) -> list[Waiting]:
    """Return what waits in these inboxes, in the order of acceptance."""
    parameters = (TextArray.of(list(aggregate_ids)), limit, limit)
    return [Waiting(*row) for row in connection.execute(WAITING, parameters, binary=True)]


def tried_before(found: Iterable[Waiting]) -> set[str]:
    """
    Return the inboxes whose first command was counted before, and may have ended its process.

    Each message for a command behind it would try it again, uncounted, if it were not left to
    those who count.
    """
    heads: dict[str, int] = {}
    for one in found:
        heads.setdefault(one.aggregate_id, one.attempts)
    return {aggregate_id for aggregate_id, attempts in heads.items() if attempts}


def rests(found: Iterable[Waiting]) -> dict[str, float]:
    """
    Return the inboxes whose first command has failed and is not to be tried yet.

    What waits behind it does not overtake it, nor does its own delivery make it run early.
    """
    heads: dict[str, float] = {}
    for one in found:
        heads.setdefault(one.aggregate_id, one.rest or 0.0)
    return {aggregate_id: rest for aggregate_id, rest in heads.items() if rest > 0}


def is_outdated(error: psycopg.DatabaseError) -> bool:
    return error.sqlstate in OUTDATED or error.diag.constraint_name == STREAM_KEY
