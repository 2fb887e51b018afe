"""Where aggregates are loaded: snapshot and tail in one query, many at once, or as they were."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar

import msgspec

from domain.aggregate import Aggregate
from store.arrays import TextArray
from store.codec import Metadata, decode_event
from store.engine import Connection, Database, Role
from store.errors import AggregateTypeError, UnreplayableError
from store.event_store import Appended, EventStore
from store.retry import retrying
from store.snapshots import fingerprint, restore

A = TypeVar("A", bound=Aggregate[Any, Any])
Wanted: TypeAlias = Sequence[tuple[type[Aggregate[Any, Any]], str]]

# A snapshot comes first among its stream's rows and has no position.
# The arrays pass through a sub-select: where the planner can count their elements it plans each
# call anew, and that took longer than the load. `offset 0` keeps it to the indexes, stream by
# stream, whatever it thought of their sizes when it made the plan.
LOAD = """
select w.id, r.number, r.position, r.aggregate_type, r.event_type, r.version, r.data
from unnest((select %b::text[]), (select %b::text[])) with ordinality as w (id, fingerprint, n)
left join lateral (
    select s.version, s.aggregate_type, s.state from fleetlog.snapshots s
    where s.aggregate_id = w.id and s.fingerprint = w.fingerprint offset 0) s on true
cross join lateral (
    select s.version, null::bigint, s.aggregate_type, null, null::integer, s.state::text
    where s.state is not null
    union all
    (select e.sequence_number, e.global_sequence, e.aggregate_type, e.event_type, e.version,
            e.data::text
     from fleetlog.events e
     where e.aggregate_id = w.id and e.sequence_number > coalesce(s.version, 0) offset 0)
) r (number, position, aggregate_type, event_type, version, data)
order by w.n, r.number, r.position nulls first
"""
NO_SNAPSHOT = ""
Row: TypeAlias = tuple[str, int, int | None, str, str, int, str]


class Repository:
    """Loads aggregates and, for those who work without commands, saves them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._store = EventStore(database)

    def load(self, cls: type[A], id: str) -> A:
        """Return the aggregate of today; one without events is new, at version 0."""

        def once() -> A:
            with self._database.connect(Role.READER) as connection:
                return load_many(connection, [(cls, id)])[id]  # type: ignore[return-value]

        return retrying(once)

    def load_at(
        self, cls: type[A], id: str, *, version: int | None = None, time: datetime | None = None
    ) -> A:
        """Return the aggregate as it was at `version`, or at `time` by the database's clock."""
        past = [
            recorded.event
            for recorded in self._store.load_events(id)
            if (version is None or recorded.sequence_number <= version)
            and (time is None or recorded.timestamp <= time)
        ]
        return cls(id).replay(past)

    def save(self, aggregate: Aggregate[Any, Any], metadata: Metadata | None = None) -> Appended:
        """Append the pending events; raises ConcurrencyError when the stream has moved on."""
        appended = self._store.append_events(
            aggregate.id,
            aggregate.version,
            aggregate.pending,
            aggregate_type=aggregate.aggregate_type,
            metadata=metadata or Metadata(),
        )
        aggregate.committed()
        return appended


def load_many(connection: Connection, wanted: Wanted) -> dict[str, Aggregate[Any, Any]]:
    """
    Return these aggregates by id, all from one query.

    Raises AggregateTypeError for a stream of another type, UnknownEventError or
    UndecodableEventError for an event that today's code cannot apply.
    """
    classes = {id: cls for cls, id in wanted}
    prints = [fingerprint(cls) for cls in classes.values()]
    found = {id: cls(id) for id, cls in classes.items()}
    for id, rows in groupby(fetch(connection, list(classes), prints), itemgetter(0)):
        try:
            found[id] = fold(classes[id], id, rows)
        except msgspec.ValidationError:  # a snapshot that no longer fits is only a slower load
            found[id] = fold(classes[id], id, fetch(connection, [id], [NO_SNAPSHOT]))
    return found


def fetch(connection: Connection, ids: Sequence[str], prints: Sequence[str]) -> Iterable[Row]:
    parameters = (TextArray.of(ids), TextArray.of(prints))
    return connection.execute(LOAD, parameters, binary=True).fetchall()


def fold(cls: type[A], id: str, rows: Iterable[Row]) -> A:
    """Build one aggregate from its snapshot, if any, and its tail."""
    aggregate, tail = cls(id), []
    for _, number, position, aggregate_type, event_type, version, data in rows:
        if aggregate_type != cls.aggregate_type:
            raise AggregateTypeError(id, cls.aggregate_type, aggregate_type)
        if position is None:
            aggregate = restore(cls, id, number, data)
        else:
            tail.append(decode_event(aggregate_type, event_type, version, data, position))
    try:
        return aggregate.replay(tail)
    except Exception as error:
        raise UnreplayableError(id, cls.aggregate_type, type(error).__name__) from error
