"""Reading the whole store in order, page by page, with a filter where one is wanted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from store.arrays import TextArray
from store.engine import Connection, Database, Role
from store.event_store import read_safe_position
from store.recorded import ALL_COLUMNS, RecordedEvent
from store.retry import retrying

PAGE = 1000
# Positions that one statement looks at: a filter that fits nothing must not read for minutes.
STRETCH = 20_000
FILTERED = (
    f"select {ALL_COLUMNS} from fleetlog.events "  # noqa: S608 - our own column names
    "where global_sequence > %b::bigint and global_sequence <= %b::bigint "
    "and (%b::text[] is null or event_type = any (%b::text[])) "
    "and (%b::text[] is null or aggregate_type = any (%b::text[])) "
)
LIMITED = "order by global_sequence limit %b::bigint"
OF_STRETCH = FILTERED + LIMITED
OF_STREAMS = FILTERED + "and aggregate_id = any (%b::text[]) " + LIMITED


@dataclass(frozen=True)
class EventFilter:
    """Which events are wanted; what is empty lets all of them through."""

    event_types: Sequence[str] = ()
    aggregate_types: Sequence[str] = ()
    aggregate_ids: Sequence[str] = ()

    @property
    def parameters(self) -> tuple[Any, ...]:
        types, owners = array(self.event_types), array(self.aggregate_types)
        streams = (array(self.aggregate_ids),) if self.aggregate_ids else ()
        return (types, types, owners, owners, *streams)


@dataclass(frozen=True)
class Page:
    """Wanted events in order, and the position up to which there are no others."""

    events: list[RecordedEvent]
    position: int


def safe_position(database: Database) -> int:
    """Return the position up to which everything is final now."""

    def read() -> int:
        with database.connect(Role.READER) as connection:
            return read_safe_position(connection)

    return retrying(read)


def pages(
    database: Database, wanted: EventFilter, *, after: int, upto: int, page: int = PAGE
) -> Iterator[Page]:
    """Yield what is wanted after a position, up to one that was safe; pages may be empty."""
    while after < upto:
        found = retrying(lambda: read_page(database, wanted, (after, upto), page))  # noqa: B023 - called at once
        yield found
        after = found.position


def read_page(database: Database, wanted: EventFilter, between: tuple[int, int], page: int) -> Page:
    after, upto = between
    statement = OF_STRETCH
    if wanted.aggregate_ids:  # found by their index, however far they are apart
        statement = OF_STREAMS
    else:
        upto = min(upto, after + STRETCH)
    with database.connect(Role.READER) as connection:
        events = run(connection, statement, (after, upto, *wanted.parameters, page))
    return Page(events, events[-1].global_sequence if len(events) == page else upto)


def run(connection: Connection, statement: str, values: tuple[Any, ...]) -> list[RecordedEvent]:
    # Not prepared: the plan depends on what is wanted and on where in the store we are.
    found = connection.execute(statement.encode(), values, binary=True, prepare=False)
    return [RecordedEvent(*row) for row in found]


def array(texts: Sequence[str]) -> TextArray | None:
    return TextArray.of(list(texts)) if texts else None
