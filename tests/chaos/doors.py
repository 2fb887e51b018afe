"""Every door that leads a command into the fleet; each says what its caller knows afterwards."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeAlias

from sqlalchemy.orm import Session

from store.command_codec import make_command
from store.engine import Role
from store.inbox import Submission
from tests.chaos.drawn import Drawn
from workers.app import app
from workers.command_tasks import TASKS_BY_NAME
from workers.fleet import fleet
from workers.submitting import submit, submit_many


class Knows(StrEnum):
    """What a door that let us through without an error has told us."""

    ACCEPTED = "accepted"
    SENT = "sent"  # a message that nobody has written down yet
    TAKEN_BACK = "rolled back"


Door: TypeAlias = Callable[[Sequence[Drawn]], Knows]


def by_submit(drawn: Sequence[Drawn]) -> Knows:
    for one in drawn:
        submit(make_command(one.command_type, one.fields), command_id=one.command_id)
    return Knows.ACCEPTED


def by_task(drawn: Sequence[Drawn]) -> Knows:
    """As `delay` does, which would draw the id itself, after we have to write it down."""
    for one in drawn:
        task = TASKS_BY_NAME[one.command_type]
        task.apply_async(kwargs=one.fields, task_id=str(one.command_id))
    return Knows.ACCEPTED


def by_many(drawn: Sequence[Drawn]) -> Knows:
    submissions = [
        Submission(command_id=one.command_id, command=make_command(one.command_type, one.fields))
        for one in drawn
    ]
    assert len(list(submit_many(submissions))) == len(drawn)
    return Knows.ACCEPTED


def by_send_task(drawn: Sequence[Drawn]) -> Knows:
    """As a service that has nothing of ours but the broker's address."""
    for one in drawn:
        app.send_task(
            one.command_type, kwargs=one.fields, task_id=str(one.command_id), queue="commands"
        )
    return Knows.SENT


def within_a_transaction(drawn: Sequence[Drawn]) -> Knows:
    with transaction() as session, session.begin():
        for one in drawn:
            command = make_command(one.command_type, one.fields)
            submit(command, command_id=one.command_id, within=session)
    return Knows.ACCEPTED


def rolled_back(drawn: Sequence[Drawn]) -> Knows:
    with transaction() as session:
        for one in drawn:
            command = make_command(one.command_type, one.fields)
            submit(command, command_id=one.command_id, within=session)
        session.rollback()
    return Knows.TAKEN_BACK


def transaction() -> Session:
    engine = fleet.database.engine(Role.WRITER)
    return Session(engine.execution_options(isolation_level="READ COMMITTED"))


# The same command id through any of these, again and again, is one command.
DOORS: dict[Door, int] = {by_submit: 30, by_task: 30, within_a_transaction: 10, by_send_task: 20}
MANY: dict[Door, int] = {by_many: 1}
NEVER: dict[Door, int] = {rolled_back: 1}
