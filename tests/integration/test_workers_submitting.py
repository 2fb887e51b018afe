"""Submitting: accepted with the caller's own work, and accepted whatever becomes of the broker."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from redis import Redis
from sqlalchemy.orm import Session

from domain.errors import InvalidFieldError
from store.errors import CommandIdReusedError
from store.inbox import Submission
from tests.fleets import TestFleet, connected
from tests.integration.inboxes import notes, rings, submission
from tests.polling import eventually
from tests.toys import Label, Ring
from workers import command_tasks
from workers.app import app
from workers.fleet import fleet
from workers.relay import relay
from workers.results import command_id_of
from workers.settings import sqlalchemy_url
from workers.submitting import submit, submit_many

SECONDS = 20
NOBODY = "unix:///nobody/listens/here.sock"
COMMANDS = "commands"  # the queue, and so the key of its list


@pytest.fixture
def callers(worked: TestFleet) -> Iterator[sa.Engine]:
    """An application's own engine, with the right to accept commands."""
    url = sqlalchemy_url(worked.database.admin_url)
    engine = sa.create_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def callers_there(idle: TestFleet) -> Iterator[sa.Engine]:
    engine = sa.create_engine(sqlalchemy_url(idle.database.admin_url))
    yield engine
    engine.dispose()


def waiting(redis: Redis) -> int:
    """Return how many messages nobody has fetched yet."""
    return int(redis.llen(COMMANDS))


@pytest.mark.parametrize("kind", [sa.Connection, Session])
def test_a_commit_of_the_callers_publishes_what_it_accepts(
    callers: sa.Engine, toy: str, kind: type[sa.Connection | Session]
) -> None:
    with callers.connect() if kind is sa.Connection else Session(callers) as caller:
        caller.execute(sa.text("create temporary table note (id integer)"))
        results = [submit(ring, within=caller) for ring in rings(toy, [1, 2])]
        before = fleet.inbox.head(toy)
        caller.commit()
        found = [result.get(timeout=SECONDS)["version"] for result in results]

    assert before is None
    assert found == [1, 2]
    assert notes(fleet.store, toy) == [1, 2]


@pytest.mark.parametrize("kind", [sa.Connection, Session])
def test_a_rollback_of_the_callers_takes_its_commands_back_and_publishes_nothing(
    idle: TestFleet, callers_there: sa.Engine, toy: str, kind: type[sa.Connection | Session]
) -> None:
    with callers_there.connect() if kind is sa.Connection else Session(callers_there) as caller:
        submit(Ring(toy_id=toy, note=1), within=caller)
        caller.rollback()
        caller.execute(sa.text("select 1"))
        caller.commit()
    with idle.client() as redis:
        published = waiting(redis)

    assert fleet.inbox.head(toy) is None
    assert published == 0


def test_each_commit_publishes_its_own_commands_only(
    idle: TestFleet, callers_there: sa.Engine, toy: str
) -> None:
    published = []
    with idle.client() as redis, callers_there.connect() as caller:
        for note in range(3):
            submit(Ring(toy_id=toy, note=note), within=caller)
            caller.commit()
            published.append(waiting(redis))

    assert published == [1, 2, 3]


def test_a_wake_up_that_comes_before_its_command_is_there_tries_again(
    worked: TestFleet, toy: str
) -> None:
    early = submission(Ring(toy_id=toy, note=1))
    command_tasks.wake("Ring", early.command_id)
    fleet.inbox.accept([early])

    assert eventually(lambda: notes(fleet.store, toy) == [1], SECONDS)


def test_what_cannot_be_accepted_is_refused_at_once(worked: TestFleet, toy: str) -> None:
    id = uuid4()
    submit(Ring(toy_id=toy, note=1), command_id=id).get(timeout=SECONDS)
    with pytest.raises(InvalidFieldError, match=r"Label\.text"):
        submit(Label(toy_id=toy, text="\x00"))
    with pytest.raises(CommandIdReusedError):
        submit(Ring(toy_id=toy, note=2), command_id=id)

    assert notes(fleet.store, toy) == [1]


def test_many_commands_are_accepted_in_order_and_rung_for_by_the_hundred(
    idle: TestFleet, toy: str
) -> None:
    many = [submission(ring) for ring in rings(toy, range(2350))]
    accepted = list(submit_many(many))
    again = list(submit_many(many[:1500]))
    with idle.client() as redis:
        bells = waiting(redis)

    assert [one.command_id for one in accepted] == [one.command_id for one in many]
    assert {one.standing for one in accepted} == {"new"}
    assert {one.standing for one in again} == {"accepted"}
    assert bells == (10 + 10 + 4) + (10 + 5)  # those still waiting are rung for again


def test_many_commands_are_worked_off_in_order(worked: TestFleet, toy: str) -> None:
    names = [f"{toy}-{n}" for n in range(20)]
    list(submit_many(submission(Ring(toy_id=id, note=n)) for n in range(15) for id in names))

    assert eventually(
        lambda: all(notes(fleet.store, id) == list(range(15)) for id in names), SECONDS
    )


def test_a_fault_among_many_takes_its_own_thousand_along_and_no_other(
    idle: TestFleet, toy: str
) -> None:
    many = [submission(ring) for ring in rings(toy, range(1500))]
    many[1200] = submission(Ring(toy_id=toy, note=2**63))
    answers = submit_many(many)
    accepted = list(islice(answers, 1000))
    with pytest.raises(InvalidFieldError, match=r"Ring\.note"):
        next(answers)

    assert [one.command_id for one in accepted] == [one.command_id for one in many[:1000]]
    assert fleet.inbox.find(many[1100].command_id) is None


def relay_until(condition: Callable[[], bool]) -> None:
    """Do what the beat would: start the relay now and then."""

    def ask() -> bool:
        relay()
        return condition()

    eventually(ask, SECONDS)


def doors(toy: str) -> list[Submission]:
    """Submit through every door; returns what was asked for."""
    asked = [submission(ring) for ring in rings(toy, [1, 2, 3])]
    first, second, third = asked
    submit(first.command, command_id=first.command_id)
    command_tasks.TASKS["ring"].apply_async(
        kwargs={"toy_id": toy, "note": 2}, task_id=str(second.command_id)
    )
    list(submit_many([third]))
    return asked


def test_a_broker_that_is_down_refuses_nobody_and_loses_nothing(
    worked: TestFleet, toy: str
) -> None:
    with connected({**worked.environment, "REDIS_URL": NOBODY}):
        asked = doors(toy)
        states = [fleet.inbox.find(one.command_id) for one in asked]
    with connected(worked.environment):
        relay_until(lambda: len(notes(fleet.store, toy)) == 3)

        assert notes(fleet.store, toy) == [1, 2, 3]
    assert [state and state.status for state in states] == 3 * ["accepted"]


def test_accepted_commands_that_no_broker_ever_heard_of_are_woken_and_done(
    worked: TestFleet, toy: str
) -> None:
    names = [f"{toy}-{n}" for n in range(250)]
    fleet.inbox.accept([submission(Ring(toy_id=id, note=1)) for id in names])
    relay_until(lambda: not any(map(fleet.inbox.head, names)))

    assert [notes(fleet.store, id) for id in names] == 250 * [[1]]


def test_the_relay_leaves_young_commands_to_their_own_message(idle: TestFleet, toy: str) -> None:
    fleet.inbox.accept([submission(Ring(toy_id=toy, note=1))])
    with idle.client() as redis:
        woken = relay()

        assert waiting(redis) == 0
    assert woken == 0


def test_a_flushed_broker_is_filled_again_by_the_relay(idle: TestFleet, toy: str) -> None:
    list(submit_many(submission(ring) for ring in rings(toy, range(150))))
    with idle.client() as redis:
        redis.flushall()
        overdue = fleet.inbox.take_overdue(timedelta(0), 1000)
        with connected({**idle.environment, "FLEETLOG_RELAY_AFTER_SECONDS": "0.001"}):
            eventually(relay)
        bells = waiting(redis)

    assert len(overdue) == 150
    assert bells == 2


def test_a_connection_that_was_given_up_meanwhile_refuses_nobody(idle: TestFleet, toy: str) -> None:
    """As after an error on it, while it is still in the hands of the one who publishes."""
    with app.producer_pool.acquire(block=True) as producer:
        channel: Any = producer.channel
        channel.connection = channel._pool = None  # noqa: SLF001 - as kombu leaves one behind
    result = submit(Ring(toy_id=toy, note=1))

    assert fleet.inbox.head(toy) == (command_id_of(str(result.id)), 0)
