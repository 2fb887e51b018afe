"""One command that comes to two places at the same moment takes effect in one of them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from store.appending import CommandRow
from store.engine import Database
from store.event_store import EventStore
from tests.conftest import TestDatabase
from tests.integration.accepting import command_in_every_state
from tests.integration.order_check import Poller, store_reader
from tests.integration.order_schedules import start_of_body
from tests.integration.order_stage import Stage, stage
from tests.integration.streams import ANY, EXACT, Way, new_stream


@pytest.fixture(params=["brought", "accepted", "both"])
def command(request: pytest.FixtureRequest, database: Database) -> CommandRow:
    """A command that brings its own row, one that was accepted before, or one that does both."""
    return command_in_every_state(database, request.param)


@pytest.fixture
def actors(fresh: TestDatabase, store: EventStore) -> Iterator[Stage]:
    with stage(fresh.admin_url, Poller(store_reader(store))) as ready:
        yield ready


@pytest.mark.parametrize("way", [ANY, EXACT], ids=["any", "exact"])
def test_a_command_that_two_streams_are_given_at_once_takes_effect_in_one(
    actors: Stage, store: EventStore, command: CommandRow, way: Way
) -> None:
    streams = [new_stream(store), new_stream(store)]
    before = len(store.get_all_events())
    gate = actors.gate("fleetlog.append_events", before=start_of_body)
    gate.close()
    with ThreadPoolExecutor() as threads:
        appends = [threads.submit(stream.append, way, command) for stream in streams]
        gate.await_somebody(2)
        gate.open()
        answers = [append.result() for append in appends]

    assert len(store.get_all_events()) == before + way[1]
    assert sorted(answer.repeated for answer in answers) == [False, True]
    assert answers[0].positions == answers[1].positions
