"""People's data: in PostgreSQL, and nowhere else that a command leaves a trace."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from uuid import uuid4

import pytest
from celery import chain

from domain.errors import InvalidFieldError
from domain.users import CreateUser
from tests.fleets import TestFleet
from tests.integration.inboxes import submission
from tests.polling import eventually
from tests.processes import Process
from workers.app import app
from workers.command_tasks import change_user_password, create_user
from workers.fleet import fleet
from workers.submitting import submit, submit_many

SECONDS = 20
THE_END = "that is all"
EVENTS = "celeryev"


@contextmanager
def overheard(made: TestFleet) -> Iterator[list[str]]:
    """Listen to every command that the broker is given; all of it is there after the block."""
    heard: list[str] = []
    with made.client() as ours, made.client() as monitored, monitored.monitor() as monitor:  # type: ignore[no-untyped-call]

        def listen() -> None:
            while not heard or THE_END not in heard[-1]:
                heard.append(monitor.next_command()["command"])

        listener = Thread(target=listen)
        listener.start()
        yield heard
        ours.echo(THE_END)
        listener.join(SECONDS)


def disguises(secret: str) -> list[str]:
    """Return how a text looks in plain, and within something longer in base64."""
    shifted = (b64encode(b" " * shift + secret.encode()).decode() for shift in range(3))
    return [secret, *(text.rstrip("=")[4:-4] for text in shifted)]


def mentions(secret: str, lines: list[str]) -> list[str]:
    return [line for line in lines if any(words in line for words in disguises(secret))]


@pytest.fixture
def secret() -> str:
    return f"kim.{uuid4().hex}"


Door = Callable[[str, str], None]


def fields(user_id: str, secret: str) -> dict[str, str]:
    return {"user_id": user_id, "username": secret, "email": f"{secret}@example.org"}


def by_delay(user_id: str, secret: str) -> None:
    create_user.delay(**fields(user_id, secret)).get(timeout=SECONDS)


def by_submit(user_id: str, secret: str) -> None:
    submit(CreateUser(**fields(user_id, secret))).get(timeout=SECONDS)


def by_the_thousand(user_id: str, secret: str) -> None:
    list(submit_many([submission(CreateUser(**fields(user_id, secret)))]))


def by_a_chain(user_id: str, secret: str) -> None:
    hashed = f"$argon2id$v=19$m=65536${secret}"
    steps = [
        create_user.si(**fields(user_id, secret)),
        change_user_password.si(user_id=user_id, password_hash=hashed),
    ]
    chain(*steps).apply_async().get(timeout=SECONDS)


OURS = (by_delay, by_submit, by_the_thousand, by_a_chain)


@pytest.mark.parametrize("door", OURS, ids=lambda door: door.__name__)
def test_what_we_send_says_nothing_about_people(
    a_worker: tuple[TestFleet, Process], worked: TestFleet, toy: str, secret: str, door: Door
) -> None:
    with overheard(worked) as heard:
        door(toy, secret)
        stored = eventually(lambda: fleet.store.load_events(toy), SECONDS)
    _, process = a_worker

    assert secret in stored[0].data
    assert len(heard) > 1
    assert mentions(secret, heard) == []
    assert mentions(secret, process.output.splitlines()) == []


def test_what_a_bare_send_task_says_is_told_to_nobody_else(
    a_worker: tuple[TestFleet, Process], worked: TestFleet, toy: str, secret: str
) -> None:
    with overheard(worked) as heard:
        sent = app.send_task("CreateUser", kwargs=fields(toy, secret))
        sent.get(timeout=SECONDS)
        refused = app.send_task("CreateUser", kwargs={**fields(toy, secret), "email": secret})
        with pytest.raises(InvalidFieldError) as told:
            refused.get(timeout=SECONDS)
        eventually(lambda: told_about(str(refused.id), heard, "task-failed"), SECONDS)
    events = [line for line in heard if line.startswith("PUBLISH") and EVENTS in line]
    _, process = a_worker

    assert mentions(secret, heard)  # so this search would have found it
    assert len(events) >= 4
    assert mentions(secret, events) == []
    assert mentions(secret, process.output.splitlines()) == []
    assert secret not in str(told.value)


def told_about(id: str, lines: list[str], event: str) -> bool:
    about = {line for line in lines if line.startswith("PUBLISH")}
    return bool(mentions(id, [line for line in about if mentions(event, [line])]))


def test_those_who_ask_a_worker_what_it_does_are_not_shown_the_arguments(
    worked: TestFleet, toy: str, secret: str
) -> None:
    fault = worked.faults / toy
    fault.write_text("wait")
    sent = app.send_task("Label", kwargs={"toy_id": toy, "text": secret})

    def active() -> str:
        workers = app.control.inspect(timeout=1).active() or {}
        return "".join(str(task) for tasks in workers.values() for task in tasks)

    shown = eventually(lambda: found if sent.id in (found := active()) else "", SECONDS)
    fault.unlink()
    sent.get(timeout=SECONDS)

    assert secret not in shown
    assert "(redacted)" in shown
