"""A command takes effect once, however often it comes back."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import TypeAlias
from uuid import uuid4

import pytest

from store.appending import Append
from store.arrays import register_arrays
from store.codec import Metadata
from store.engine import Database
from store.errors import (
    AggregateTypeError,
    CommandIdReusedError,
    ConcurrencyError,
    NotAcceptedError,
)
from store.event_store import Appended, CommandRow, EventStore, Expected
from tests.conftest import TestDatabase
from tests.databases import copied, with_database
from tests.integration.accepting import accepted_command, new_command, set_aside, status_of
from tests.integration.order_check import Poller, store_reader
from tests.integration.order_load import facts
from tests.integration.order_stage import Stage, number, stage
from workers.embedded import Servers
from workers.settings import sqlalchemy_url

Way: TypeAlias = tuple[int, int]  # version expected, number of events

# Every way to append to a stream of two events.
WAYS: dict[str, Way] = {
    "exact": (2, 1),
    "any": (Expected.ANY, 2),
    "exists": (Expected.EXISTS, 1),
    "exact_no_events": (2, 0),
    "any_no_events": (Expected.ANY, 0),
}
EXACT, ANY = WAYS["exact"], WAYS["any"]
BLOCKED = "select count(*) from pg_locks where not granted"

in_every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
numbers = count(1)


@dataclass(frozen=True)
class Stream:
    """A stream that holds two events at first."""

    store: EventStore
    name: str

    def append(self, way: Way, command: CommandRow | None) -> Appended:
        expected, events = way[0], facts(way[1])
        return self.store.append_events(
            self.name, expected, events, aggregate_type="Load", command=command
        )

    def __len__(self) -> int:
        return len(self.store.load_events(self.name))


@pytest.fixture(scope="module")
def fresh(running: Servers) -> Iterator[TestDatabase]:
    """One database for all of these tests: each has a stream and commands of its own."""
    with copied(running.migration_url) as name:
        url, admin = running.database_url, running.migration_url
        yield TestDatabase(name, with_database(url, name), with_database(admin, name))


@pytest.fixture(scope="module")
def database(fresh: TestDatabase) -> Iterator[Database]:
    database = Database(sqlalchemy_url(fresh.url))
    yield database
    database.dispose()


@pytest.fixture
def stream(store: EventStore) -> Stream:
    made = Stream(store, f"s-{next(numbers)}")
    made.append((0, 2), None)
    return made


@pytest.fixture
def other_stream(store: EventStore) -> Stream:
    made = Stream(store, f"other-{next(numbers)}")
    made.append((0, 2), None)
    return made


@pytest.fixture(params=["brought", "accepted"])
def command(request: pytest.FixtureRequest, database: Database) -> CommandRow:
    """A command that brings its own row, or one that was accepted before."""
    return new_command() if request.param == "brought" else accepted_command(database)


@pytest.fixture
def actors(fresh: TestDatabase, store: EventStore) -> Iterator[Stage]:
    with stage(fresh.admin_url, Poller(store_reader(store))) as ready:
        yield ready


@in_every_way
def test_a_command_that_comes_again_is_answered_with_its_first_result(
    fresh: TestDatabase, stream: Stream, command: CommandRow, way: Way
) -> None:
    first = stream.append(way, command)
    settled = status_of(fresh, command)
    stream.append((Expected.ANY, 1), None)
    again = [stream.append(way, command), stream.append(way, command)]

    assert settled == "done"
    assert (first.version, len(first.positions)) == (2 + way[1], way[1])
    assert again == [replace(first, repeated=True)] * 2
    assert len(stream) == 3 + way[1]


@pytest.mark.parametrize("way", [(3, 1), (3, 0), (Expected.ANY, 1)])
def test_a_command_decided_anew_on_the_current_version_is_answered_with_its_first_result(
    stream: Stream, command: CommandRow, way: Way
) -> None:
    """The version check alone would let this one pass."""
    first = stream.append(EXACT, command)
    again = stream.append(way, command)

    assert again == replace(first, repeated=True)
    assert len(stream) == 3


@in_every_way
def test_a_command_that_was_done_on_another_stream_is_not_done_again(
    stream: Stream, other_stream: Stream, command: CommandRow, way: Way
) -> None:
    first = stream.append(way, command)
    again = other_stream.append(way, command)

    assert again == replace(first, repeated=True)
    assert len(other_stream) == 2


@in_every_way
def test_a_command_id_that_comes_back_with_another_command_is_an_error(
    stream: Stream, way: Way
) -> None:
    command = new_command('{"n": 1, "m": [1.50]}')
    first = stream.append(way, command)
    same = stream.append(way, replace(command, payload='{ "m": [1.50], "n": 1 }'))

    assert same == replace(first, repeated=True)
    with pytest.raises(CommandIdReusedError, match=str(command.command_id)):
        stream.append(way, replace(command, payload='{"n": 2}'))
    with pytest.raises(CommandIdReusedError):
        stream.append(way, replace(command, command_type="Unload"))
    assert len(stream) == 2 + way[1]


@pytest.mark.parametrize("way", [(3, 1), (3, 0)])
def test_even_where_the_version_fits_a_command_id_is_not_used_for_another_command(
    stream: Stream, way: Way
) -> None:
    command = new_command()
    stream.append(EXACT, command)

    with pytest.raises(CommandIdReusedError):
        stream.append(way, replace(command, payload='{"n": 2}'))
    assert len(stream) == 3


def test_a_refused_append_leaves_its_command_waiting(
    fresh: TestDatabase, stream: Stream, command: CommandRow
) -> None:
    before = status_of(fresh, command)
    with pytest.raises(ConcurrencyError, match="is at version 2, expected version 1"):
        stream.append((1, 1), command)
    with pytest.raises(AggregateTypeError):
        stream.store.append_events(
            stream.name, 2, facts(1), aggregate_type="Other", command=command
        )

    assert status_of(fresh, command) == before
    assert stream.append(EXACT, command).repeated is False


@in_every_way
@pytest.mark.parametrize("status", ["rejected", "cancelled", "parked"])
def test_a_command_that_was_set_aside_is_no_longer_accepted(
    database: Database, stream: Stream, way: Way, status: str
) -> None:
    command = accepted_command(database)
    set_aside(database, command, status)

    with pytest.raises(NotAcceptedError, match=status):
        stream.append(way, command)
    assert len(stream) == 2


@in_every_way
def test_a_command_that_nobody_accepted_is_refused(stream: Stream, way: Way) -> None:
    with pytest.raises(NotAcceptedError, match="was never accepted"):
        stream.append(way, CommandRow(uuid4()))

    assert len(stream) == 2


@in_every_way
def test_of_two_who_race_with_one_command_both_hear_of_one_effect(
    actors: Stage, stream: Stream, command: CommandRow, way: Way
) -> None:
    with uncommitted(actors, stream, command, way) as winner:
        loser = actors.meanwhile(lambda: stream.append(way, command))
        await_somebody_waiting(actors)
    answer = loser.result()

    assert answer == replace(winner, repeated=True)
    assert len(stream) == 2 + way[1]


@in_every_way
def test_whoever_races_against_a_command_that_is_rolled_back_takes_its_place(
    actors: Stage, stream: Stream, command: CommandRow, way: Way
) -> None:
    with uncommitted(actors, stream, command, way, end="rollback"):
        waiting = actors.meanwhile(lambda: stream.append(way, command))
        await_somebody_waiting(actors)
    answer = waiting.result()

    assert (answer.version, answer.repeated) == (2 + way[1], False)
    assert len(stream) == 2 + way[1]


@in_every_way
def test_who_races_with_the_same_id_for_another_command_is_told(
    actors: Stage, stream: Stream, way: Way
) -> None:
    command = new_command()
    with uncommitted(actors, stream, command, way):
        other = replace(command, payload='{"n": 2}')
        loser = actors.meanwhile(lambda: stream.append(way, other))
        await_somebody_waiting(actors)

    with pytest.raises(CommandIdReusedError):
        loser.result()
    assert len(stream) == 2 + way[1]


def test_a_crowd_with_one_command_has_one_effect(stream: Stream, command: CommandRow) -> None:
    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda _: stream.append(ANY, command), range(40)))

    assert sorted(answer.repeated for answer in answers) == [False, *[True] * 39]
    assert {answer.positions for answer in answers} == {answers[0].positions}
    assert len(stream) == 4


def test_a_stranger_who_wins_the_race_makes_the_command_stale(
    actors: Stage, stream: Stream, command: CommandRow
) -> None:
    with uncommitted(actors, stream, new_command(), EXACT):
        loser = actors.meanwhile(lambda: stream.append(EXACT, command))
        await_somebody_waiting(actors)

    with pytest.raises(ConcurrencyError, match="is at version 3, expected version 2"):
        loser.result()


@contextmanager
def uncommitted(
    actors: Stage, stream: Stream, command: CommandRow, way: Way, end: str = "commit"
) -> Iterator[Appended]:
    """Append in a transaction that ends only with the block."""
    session = actors.session()
    register_arrays(session)
    session.execute("begin")
    events = facts(way[1])
    yield Append(stream.name, way[0], events, "Load", Metadata(), command).run(session)
    session.execute(end.encode())


def await_somebody_waiting(actors: Stage) -> None:
    session, deadline = actors.session(), time.monotonic() + 10
    while number(session, BLOCKED) == 0:
        assert time.monotonic() < deadline, "nobody waits for a lock"
