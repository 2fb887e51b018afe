"""A command takes effect once, however often it comes back."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
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
from tests.integration.accepting import accepted_command, new_command, set_aside, status_of
from tests.integration.order_check import Poller, store_reader
from tests.integration.order_load import facts
from tests.integration.order_stage import Stage, number, stage

# Version expected, events: every way to append to a stream of two events.
WAYS = {
    "exact": (2, 1),
    "any": (Expected.ANY, 2),
    "exists": (Expected.EXISTS, 1),
    "exact_no_events": (2, 0),
    "any_no_events": (Expected.ANY, 0),
}
BLOCKED = "select count(*) from pg_locks where not granted"

in_every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


def appending(
    store: EventStore, way: tuple[int, int], stream: str = "s"
) -> Callable[[CommandRow], Appended]:
    """Return a function that appends to `stream` in one of the `WAYS`."""
    expected, count = way

    def append(command: CommandRow) -> Appended:
        return store.append_events(
            stream, expected, facts(count), aggregate_type="Load", command=command
        )

    return append


@pytest.fixture(autouse=True)
def two_events(store: EventStore) -> None:
    store.append_events("s", 0, facts(2), aggregate_type="Load")


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
    fresh: TestDatabase, store: EventStore, command: CommandRow, way: tuple[int, int]
) -> None:
    append = appending(store, way)
    first = append(command)
    settled = status_of(fresh, command)
    store.append_events("s", Expected.ANY, facts(1), aggregate_type="Load")
    again = [append(command), append(command)]

    assert settled == "done"
    assert (first.version, len(first.positions)) == (2 + way[1], way[1])
    assert again == [replace(first, repeated=True)] * 2
    assert len(store.load_events("s")) == 3 + way[1]


@pytest.mark.parametrize("way", [(3, 1), (3, 0), (Expected.ANY, 1)])
def test_a_command_decided_anew_on_the_current_version_is_answered_with_its_first_result(
    store: EventStore, command: CommandRow, way: tuple[int, int]
) -> None:
    """The version check alone would let this one pass."""
    first = appending(store, WAYS["exact"])(command)
    again = appending(store, way)(command)

    assert again == replace(first, repeated=True)
    assert len(store.load_events("s")) == 3


@in_every_way
def test_a_command_that_was_done_on_another_stream_is_not_done_again(
    store: EventStore, command: CommandRow, way: tuple[int, int]
) -> None:
    store.append_events("other", 0, facts(2), aggregate_type="Load")
    first = appending(store, way)(command)
    again = appending(store, way, stream="other")(command)

    assert again == replace(first, repeated=True)
    assert len(store.load_events("other")) == 2


@in_every_way
def test_a_command_id_that_comes_back_with_another_command_is_an_error(
    store: EventStore, way: tuple[int, int]
) -> None:
    command = new_command('{"n": 1, "m": [1.50]}')
    append = appending(store, way)
    first = append(command)
    same = append(replace(command, payload='{ "m": [1.50], "n": 1 }'))

    assert same == replace(first, repeated=True)
    with pytest.raises(CommandIdReusedError, match=str(command.command_id)):
        append(replace(command, payload='{"n": 2}'))
    with pytest.raises(CommandIdReusedError):
        append(replace(command, command_type="Unload"))
    assert len(store.load_events("s")) == 2 + way[1]


@pytest.mark.parametrize("way", [(3, 1), (3, 0)])
def test_even_where_the_version_fits_a_command_id_is_not_used_for_another_command(
    store: EventStore, way: tuple[int, int]
) -> None:
    command = new_command()
    appending(store, WAYS["exact"])(command)

    with pytest.raises(CommandIdReusedError):
        appending(store, way)(replace(command, payload='{"n": 2}'))
    assert len(store.load_events("s")) == 3


def test_a_refused_append_leaves_its_command_waiting(
    fresh: TestDatabase, store: EventStore, command: CommandRow
) -> None:
    before = status_of(fresh, command)
    with pytest.raises(ConcurrencyError, match="is at version 2, expected version 1"):
        appending(store, (1, 1))(command)
    with pytest.raises(AggregateTypeError):
        store.append_events("s", 2, facts(1), aggregate_type="Other", command=command)

    assert status_of(fresh, command) == before
    assert appending(store, WAYS["exact"])(command).repeated is False


@in_every_way
@pytest.mark.parametrize("status", ["rejected", "cancelled", "parked"])
def test_a_command_that_was_set_aside_is_no_longer_accepted(
    fresh: TestDatabase, database: Database, store: EventStore, way: tuple[int, int], status: str
) -> None:
    command = accepted_command(database)
    set_aside(database, command, status)

    with pytest.raises(NotAcceptedError, match=status):
        appending(store, way)(command)
    assert status_of(fresh, command) == status
    assert len(store.load_events("s")) == 2


@in_every_way
def test_a_command_that_nobody_accepted_is_refused(store: EventStore, way: tuple[int, int]) -> None:
    with pytest.raises(NotAcceptedError, match="was never accepted"):
        appending(store, way)(CommandRow(uuid4()))

    assert len(store.load_events("s")) == 2


@in_every_way
def test_of_two_who_race_with_one_command_both_hear_of_one_effect(
    actors: Stage, store: EventStore, command: CommandRow, way: tuple[int, int]
) -> None:
    with uncommitted(actors, command, way) as winner:
        loser = actors.meanwhile(lambda: appending(store, way)(command))
        await_somebody_waiting(actors)
    answer = loser.result()

    assert answer == replace(winner, repeated=True)
    assert len(store.load_events("s")) == 2 + way[1]


@in_every_way
def test_whoever_races_against_a_command_that_is_rolled_back_takes_its_place(
    actors: Stage, store: EventStore, command: CommandRow, way: tuple[int, int]
) -> None:
    with uncommitted(actors, command, way, end="rollback"):
        waiting = actors.meanwhile(lambda: appending(store, way)(command))
        await_somebody_waiting(actors)
    answer = waiting.result()

    assert (answer.version, answer.repeated) == (2 + way[1], False)
    assert len(store.load_events("s")) == 2 + way[1]


@in_every_way
def test_who_races_with_the_same_id_for_another_command_is_told(
    actors: Stage, store: EventStore, way: tuple[int, int]
) -> None:
    command = new_command()
    with uncommitted(actors, command, way):
        other = replace(command, payload='{"n": 2}')
        loser = actors.meanwhile(lambda: appending(store, way)(other))
        await_somebody_waiting(actors)

    with pytest.raises(CommandIdReusedError):
        loser.result()
    assert len(store.load_events("s")) == 2 + way[1]


def test_a_crowd_with_one_command_has_one_effect(store: EventStore, command: CommandRow) -> None:
    append = appending(store, WAYS["any"])
    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(append, [command] * 40))

    assert sorted(answer.repeated for answer in answers) == [False, *[True] * 39]
    assert {answer.positions for answer in answers} == {answers[0].positions}
    assert len(store.load_events("s")) == 4


def test_a_stranger_who_wins_the_race_makes_the_command_stale(
    actors: Stage, store: EventStore, command: CommandRow
) -> None:
    with uncommitted(actors, new_command(), WAYS["exact"]):
        loser = actors.meanwhile(lambda: appending(store, WAYS["exact"])(command))
        await_somebody_waiting(actors)

    with pytest.raises(ConcurrencyError, match="is at version 3, expected version 2"):
        loser.result()


@contextmanager
def uncommitted(
    actors: Stage, command: CommandRow, way: tuple[int, int], end: str = "commit"
) -> Iterator[Appended]:
    """Append in a transaction that ends only with the block."""
    expected, count = way
    session = actors.session()
    register_arrays(session)
    session.execute("begin")
    yield Append("s", expected, facts(count), "Load", Metadata(), command).run(session)
    session.execute(end.encode())


def await_somebody_waiting(actors: Stage) -> None:
    session, deadline = actors.session(), time.monotonic() + 10
    while number(session, BLOCKED) == 0:
        assert time.monotonic() < deadline, "nobody waits for a lock"
