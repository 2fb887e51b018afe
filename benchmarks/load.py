"""load: what does an aggregate cost, from its events or its snapshot, beside a bare fetch?"""

from collections.abc import Callable
from itertools import cycle

from benchmarks.harness import Answers, Effort, Pairing, compare, repeated
from benchmarks.history import Past, write
from benchmarks.stage import stage
from benchmarks.wire import traced
from domain.users import User
from store import snapshots
from store.engine import Connection, Database, Role
from store.repository import Repository, load_many

BARE = (
    "select data from fleetlog.events where aggregate_id = %b and sequence_number > %b::bigint "
    "order by sequence_number"
)
LENGTHS = (10, 100, 1000)
OTHERS = 50_000  # events of other streams: a plan for a nearly empty table proves nothing
STREAMS = 20  # of each length, loaded in turn
TAIL = 10
LOAD, FETCH, FETCH_TAIL = "Repository.load", "select data", "select data of the tail"


class TooManyStatementsError(Exception):
    """Snapshot and tail are promised to come in one query."""


def ask(effort: Effort) -> Answers:
    """Yield the ratios for streams of each length, then for a snapshot and its tail."""
    with stage() as servers, servers.database() as database, servers.owner() as bare:
        past = Past()
        write(bare, past.mixed(OTHERS))
        for length in LENGTHS:
            write(bare, (f for id in ids(length) for f in past.stream(id, length)))
        for length in LENGTHS:
            yield from from_events(database, bare, length, effort)
        take_snapshots(database, LENGTHS[-1])
        write(bare, (f for _ in range(TAIL) for f in map(past.changed, ids(LENGTHS[-1]))))
        yield from from_snapshot(database, bare, LENGTHS[-1], effort)


def ids(length: int) -> list[str]:
    return [f"of-{length}-{number}" for number in range(STREAMS)]


def from_events(database: Database, bare: Connection, length: int, effort: Effort) -> Answers:
    contenders = {
        LOAD: repeated(loading(database, length), effort.seconds),
        FETCH: repeated(fetching(bare, length, after=0), effort.seconds),
    }
    pairings = [Pairing(LOAD, FETCH)]
    yield from compare(
        "load", f"{length} events", "loads", contenders=contenders, pairings=pairings, effort=effort
    )


def from_snapshot(database: Database, bare: Connection, length: int, effort: Effort) -> Answers:
    contenders = {
        LOAD: repeated(loading(database, length), effort.seconds),
        FETCH: repeated(fetching(bare, length, after=0), effort.seconds),
        FETCH_TAIL: repeated(fetching(bare, length, after=length), effort.seconds),
    }
    pairings = [Pairing(LOAD, FETCH), Pairing(LOAD, FETCH_TAIL)]
    case = f"snapshot at {length} + {TAIL} events, {statements(database, length)} query"
    yield from compare(
        "load", case, "loads", contenders=contenders, pairings=pairings, effort=effort
    )


def loading(database: Database, length: int) -> Callable[[], object]:
    load, turn = Repository(database).load, cycle(ids(length))
    return lambda: load(User, next(turn))


def fetching(bare: Connection, length: int, *, after: int) -> Callable[[], object]:
    turn = cycle(ids(length))
    return lambda: bare.execute(BARE, (next(turn), after), binary=True).fetchall()


def take_snapshots(database: Database, length: int) -> None:
    with database.connect(Role.PROJECTOR) as connection:
        loaded = load_many(connection, [(User, id) for id in ids(length)])
        for user in loaded.values():
            snapshots.save(connection, user)


def statements(database: Database, length: int) -> int:
    """Return how many statements one load sends; raises when that is not one."""
    with database.connect(Role.READER) as connection:
        pooled = connection  # the pool's only one, so the load gets it again
    load = loading(database, length)
    load()  # what is sent once to prepare a statement is not counted
    with traced(pooled) as trip:
        load()
    if trip.statements != 1:
        raise TooManyStatementsError(f"snapshot and tail took {trip.statements} statements")
    return trip.statements
