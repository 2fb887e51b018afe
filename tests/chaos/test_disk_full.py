"""
PostgreSQL's disk is full: what it holds stays whole, and what it accepted is done afterwards.

A small tmpfs holds all of PostgreSQL, its write-ahead log included. While no page goes into it,
statements fail one by one (SQLSTATE 53100); when the log needs its next file, the server crashes,
and has to be started again once there is room. Both happen here.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.retry import is_passing, retrying
from tests.acceptance.board import folded_board, stored_board, stream_numbers
from tests.acceptance.fleet import Fleet
from tests.chaos.full_stage import SECONDS, Client, Stage, stage
from tests.polling import eventually

IN_HAND = 20
UNHEARD = 5
OPEN = "commands where status = 'accepted'"
DONE = "commands where status = 'done'"
# Each of these orders has one command, and that one event.
HALF_DONE = """
    (select c.status, count(e.event_id) as events
     from commands c left join events e on e.aggregate_id = c.aggregate_id
     group by c.command_id, c.status) as found
    where events <> case status when 'done' then 1 else 0 end
"""


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as found:
        yield found


def test_what_meets_a_full_disk_is_refused_whole_and_what_was_accepted_is_done_later(
    full: Stage,
) -> None:
    client, fleet = Client(), full.fleet
    client.ask(IN_HAND)
    eventually(lambda: fleet.count(DONE) == IN_HAND, SECONDS)

    full.fill(meanwhile=lambda: client.ask(IN_HAND))
    client.ask_until_unheard(UNHEARD)
    errors = [error for _, error in client.unheard.values()]
    full.thaw()
    eventually(lambda: full.worker.says("retry: "), SECONDS)
    half_done, still_open = fleet.count(HALF_DONE), fleet.count(OPEN)
    full.disk.make_room()
    client.ask_again()

    assert all(is_passing(error) for error in errors)
    assert half_done == 0
    assert still_open > 0
    assert_all_is_done_once(fleet, client)


def test_a_server_that_a_full_log_has_ended_goes_on_where_it_was_once_there_is_room(
    full: Stage,
) -> None:
    client, fleet = Client(), full.fleet
    client.ask(IN_HAND)
    eventually(lambda: fleet.count(DONE) == IN_HAND, SECONDS)

    full.fill(meanwhile=lambda: client.ask(IN_HAND))
    full.end_the_log()
    full.thaw()
    client.ask_until_unheard(UNHEARD)
    errors = [error for _, error in client.unheard.values()]
    eventually(lambda: "PANIC" in full.log(), SECONDS)
    full.disk.make_room()
    full.start_postgres()
    half_done = retrying(lambda: fleet.count(HALF_DONE))  # the pooled connection is of before
    client.ask_again()

    assert all(is_passing(error) for error in errors)
    assert half_done == 0
    assert_all_is_done_once(fleet, client)


def assert_all_is_done_once(fleet: Fleet, client: Client) -> None:
    """Everything was accepted in the end; nothing was parked for what was not its fault."""
    eventually(lambda: fleet.count(OPEN) == 0, SECONDS, saying="what was accepted is done")
    eventually(lambda: fleet.lag() == 0, SECONDS, saying="the board is up to date")
    done = {id for (id,) in fleet.rows(f"select command_id from {DONE}")}

    assert not client.unheard
    assert done == client.accepted
    assert fleet.count("commands") == fleet.count("events") == len(done)
    assert fleet.count(HALF_DONE) == 0
    assert not stream_numbers(fleet)
    assert stored_board(fleet) == folded_board(fleet)
