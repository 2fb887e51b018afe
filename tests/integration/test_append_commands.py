"""A command takes effect once, however often it comes back."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
import sqlalchemy as sa

from store.engine import Database
from store.errors import (
    AggregateTypeError,
    CommandIdReusedError,
    ConcurrencyError,
    NotAcceptedError,
)
from store.event_store import CommandRow, EventStore, Expected
from tests.conftest import TestDatabase
from tests.integration.accepting import (
    accepted_command,
    command_in_every_state,
    new_command,
    set_aside,
    status_of,
)
from tests.integration.lent import lent
from tests.integration.order_load import facts
from tests.integration.streams import EXACT, Stream, Way, in_every_way, new_stream
from workers.embedded import Servers
from workers.settings import sqlalchemy_url


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
def other_stream(store: EventStore) -> Stream:
    return new_stream(store)


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


@in_every_way
def test_in_the_callers_transaction_too_a_command_that_comes_again_is_answered(
    fresh: TestDatabase, stream: Stream, command: CommandRow, way: Way
) -> None:
    callers = sa.create_engine(
        sqlalchemy_url(fresh.url), connect_args={"options": "-c role=fleetlog_writer"}
    )
    with callers.begin() as connection:
        first = stream.append(way, command, connection)
        in_the_same = stream.append(way, command, connection)
    with callers.begin() as connection:
        in_a_later_one = stream.append(way, command, connection)
    callers.dispose()

    assert in_the_same == in_a_later_one == replace(first, repeated=True)
    assert len(stream) == 2 + way[1]


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
