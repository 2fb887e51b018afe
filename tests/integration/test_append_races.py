"""Two who come with one command at the same moment: one effect, and both hear of it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest

from store.appending import Append
from store.arrays import register_arrays
from store.codec import Metadata
from store.engine import Database
from store.errors import CommandIdReusedError, ConcurrencyError
from store.event_store import Appended, CommandRow, EventStore
from tests.conftest import TestDatabase
from tests.integration.accepting import command_in_every_state, new_command
from tests.integration.lent import lent
from tests.integration.order_check import Poller, store_reader
from tests.integration.order_load import facts
from tests.integration.order_stage import Stage, number, stage
from tests.integration.streams import ANY, EXACT, Stream, Way, in_every_way, new_stream
from workers.embedded import Servers
from workers.settings import sqlalchemy_url

BLOCKED = "select count(*) from pg_locks where not granted"


@pytest.fixture(scope="module")
def fresh(running: Servers) -> Iterator[TestDatabase]:
    """One database for all of these tests: each has a stream and commands of its own."""
    with lent(running) as database:
        yield database


@pytest.fixture(scope="module")
def database(fresh: TestDatabase) -> Iterator[Database]:
    database = Database(sqlalchemy_url(fresh.url))
    yield database
    database.dispose()


@pytest.fixture
def stream(store: EventStore) -> Stream:
    return new_stream(store)


@pytest.fixture(params=["brought", "accepted", "both"])
def command(request: pytest.FixtureRequest, database: Database) -> CommandRow:
    """A command that brings its own row, one that was accepted before, or one that does both."""
    return command_in_every_state(database, request.param)


@pytest.fixture
def actors(fresh: TestDatabase, store: EventStore) -> Iterator[Stage]:
    with stage(fresh.admin_url, Poller(store_reader(store))) as ready:
        yield ready


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
