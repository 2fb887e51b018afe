"""`after_projected` in a chain: it goes on when the read model shows the command before."""

import re
from typing import Any, cast
from uuid import UUID

import pytest
from celery import chain
from celery.canvas import Signature
from celery.exceptions import Ignore

from store.engine import Role
from store.waiting import NotProjectedInTimeError
from tests.fleets import TestFleet, a_fleet, connected
from tests.integration.chains import SECONDS, label, notes, ring, rung, settled, state
from tests.integration.directory import DIRECTORY, is_done, row
from tests.integration.lent import lent
from tests.integration.still import standing_still
from tests.polling import eventually
from workers import command_tasks, projected
from workers.awaiting import NotReadError
from workers.continuation import AFTER_PROJECTED
from workers.embedded import Servers
from workers.errors import UnsupportedOptionError
from workers.fleet import fleet
from workers.projected import after_projected
from workers.projecting import UnknownProjectionError
from workers.relay import relay

CAME_BACK = re.compile(rb'"retries": [1-9]')


def create(name: str) -> "Signature[object]":
    fields = {"user_id": name, "username": "kim", "email": "kim@example.org"}
    return command_tasks.TASKS["create_user"].signature(kwargs=fields)


def sent(*steps: Any, **options: Any) -> Any:
    return chain(*steps).apply_async(**options)


def a_step_waits() -> bool:
    """Whether some worker keeps a message of the step that has come back already."""
    messages = cast("list[bytes]", fleet.redis.hvals("unacked"))
    return any(CAME_BACK.search(m) and AFTER_PROJECTED.encode() in m for m in messages)


def test_a_chain_goes_on_when_the_read_model_shows_it_and_not_before(
    worked: TestFleet, toy: str
) -> None:
    with standing_still(DIRECTORY):
        result = sent(create(toy), after_projected(DIRECTORY), ring(f"{toy}-next", 1))
        eventually(a_step_waits, SECONDS)
        before = (is_done(toy), row(toy), notes(f"{toy}-next"))

    assert before == (True, None, [])
    assert rung(f"{toy}-next", 1)
    assert row(toy)
    assert eventually(lambda: settled(result.parent.parent.id))


def test_the_step_hands_on_what_the_command_said(worked: TestFleet, toy: str) -> None:
    result = sent(create(toy), after_projected(DIRECTORY), ring(f"{toy}-next", 1, immutable=False))

    assert rung(f"{toy}-next", 1)
    assert result.get(timeout=SECONDS)["aggregate_id"] == f"{toy}-next"


def test_many_that_wait_keep_no_worker(worked: TestFleet, toy: str) -> None:
    """A worker has two processes; ten chains wait, and every command still has its turn."""
    names = [f"{toy}-{n}" for n in range(10)]
    with standing_still(DIRECTORY):
        for name in names:
            sent(create(name), after_projected(DIRECTORY), ring(f"{name}-next", 1))
        eventually(lambda: all(map(is_done, names)), SECONDS)
        for note in range(5):
            ring(f"{toy}-other", note).apply_async().get(timeout=3)

    assert all(rung(f"{name}-next", 1) for name in names)


def test_who_sent_the_chain_can_wait_for_the_read_model_too(worked: TestFleet, toy: str) -> None:
    found = sent(create(toy), after_projected(DIRECTORY)).get(timeout=SECONDS)

    assert found["aggregate_id"] == toy
    assert row(toy)


def test_who_waits_for_the_step_hears_of_a_time_that_is_over(worked: TestFleet, toy: str) -> None:
    with standing_still(DIRECTORY):
        result = sent(create(toy), after_projected(DIRECTORY, timeout=1.0))
        with pytest.raises(NotProjectedInTimeError, match="within 1 s"):
            result.get()


def test_a_step_outside_a_chain_has_no_result_to_wait_for(idle: TestFleet) -> None:
    result = after_projected(DIRECTORY).apply_async(args=({},))
    with pytest.raises(UnsupportedOptionError, match="in a chain only"):
        result.get(timeout=SECONDS)


def test_when_time_is_over_the_chain_ends_and_its_error_link_is_told(
    worked: TestFleet, toy: str
) -> None:
    steps = create(toy), after_projected(DIRECTORY, timeout=0.2), ring(f"{toy}-next", 1)
    with standing_still(DIRECTORY):
        result = sent(*steps, link_error=ring(f"{toy}-error", 9))
        told = rung(f"{toy}-error", 9)
        eventually(lambda: settled(result.parent.parent.id))

    assert told
    assert notes(f"{toy}-next") == []


def test_a_refused_command_ends_the_chain_as_ever(worked: TestFleet, toy: str) -> None:
    create(toy).apply_async().get(timeout=SECONDS)
    steps = create(toy), after_projected(DIRECTORY), ring(f"{toy}-next", 1)
    result = sent(*steps, link_error=ring(f"{toy}-error", 9))

    assert rung(f"{toy}-error", 9)
    assert eventually(lambda: settled(result.parent.parent.id))
    assert notes(f"{toy}-next") == []


def test_a_chain_survives_the_worker_that_waited_and_the_broker_that_held_it(
    running: Servers, toy: str
) -> None:
    """While somebody waits the relay leaves it alone; when nobody does it sends the step again."""
    with (
        lent(running) as database,
        a_fleet(database, FLEETLOG_RELAY_AFTER_SECONDS="1") as made,
        connected(made.environment),
    ):
        woken: list[int] = []

        def waited() -> bool:
            woken.append(relay())
            return has_waited(toy)

        with made.worker("doomed") as doomed, standing_still(DIRECTORY):
            result = sent(create(toy), after_projected(DIRECTORY), ring(f"{toy}-next", 1))
            eventually(waited, SECONDS)
            doomed.kill()
            fleet.redis.flushall()
        first = result.parent.parent.id
        held = state(first)
        with made.worker("next"):
            eventually(lambda: relay() or settled(first), SECONDS)
            eventually(lambda: settled(first), SECONDS)

            assert rung(f"{toy}-next", 1)
        assert sum(woken) == 0
        assert held
        assert (held.status, held.continuation is None) == ("done", False)


def has_waited(name: str) -> bool:
    """Whether the command was done for longer than the relay has patience."""
    with fleet.database.connect(Role.READER) as connection:
        row = connection.execute(
            "select finished_at < clock_timestamp() - interval '2 s' from fleetlog.commands "
            "where aggregate_id = %s",
            (name,),
        ).fetchone()
    return bool(row and row[0])


def test_a_second_message_of_the_same_step_ends_quietly(worked: TestFleet, toy: str) -> None:
    result = sent(create(toy), after_projected(DIRECTORY), ring(f"{toy}-next", 1))
    first = result.parent.parent.id
    answer = result.parent.parent.get(timeout=SECONDS)
    eventually(lambda: settled(first), SECONDS)
    with pytest.raises(Ignore):
        projected.wait(answer, [DIRECTORY], 1.0, held=str(UUID(first)))


def test_a_chain_that_waits_in_vain_is_refused_as_a_whole(idle: TestFleet, toy: str) -> None:
    with pytest.raises(UnknownProjectionError):
        after_projected("phone_book")
    with pytest.raises(NotReadError, match="'order_board' does not read User events"):
        sent(create(toy), after_projected("order_board"), label(toy, "x"))
    with pytest.raises(NotReadError, match="does not read Toy events"):
        sent(create(toy), ring(toy, 1), after_projected(DIRECTORY))

    assert fleet.inbox.head(toy) is None


def test_its_message_says_nothing_of_whom_it_is_about(idle: TestFleet, toy: str) -> None:
    answer = {"aggregate_id": toy, "version": 1, "position": 1, "events": 1}
    after_projected(DIRECTORY).apply_async(args=(answer,))
    with idle.client() as redis:
        (message,) = redis.lrange("commands", 0, -1)

    assert AFTER_PROJECTED.encode() in message
    assert toy.encode() not in message  # its body is in base64
