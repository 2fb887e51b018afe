"""The database goes away for a moment; nothing that was asked for is lost."""

import os
import signal
import uuid
from pathlib import Path

from celery import Celery

from tests.acceptance.fleet import Fleet
from tests.polling import eventually
from workers.embedded import hold, release


def test_bare_messages_that_come_while_the_database_is_away_are_judged_afterwards(
    fleet: Fleet,
) -> None:
    worker = fleet.worker("one")
    stranger = Celery(broker=fleet.env["REDIS_URL"].replace("unix://", "redis+socket://"))
    stranger.conf.task_default_queue = "commands"
    task_id = str(uuid.uuid4())

    stop_database(fleet.home)
    fields = {"user_id": "ada", "username": "ada", "email": "ada@example.org"}
    stranger.send_task("CreateUser", kwargs=fields, task_id=task_id)
    stranger.send_task("CreateUser", kwargs={"user_id": 7}, task_id=str(uuid.uuid4()))
    eventually(lambda: worker.says("a message goes back whole"), 30)
    hold(fleet.home, durable=False)
    eventually(lambda: fleet.count("commands where status = 'done'") == 1, 30)
    eventually(lambda: fleet.count("commands where status = 'rejected'") == 1, 30)
    refusals = fleet.rows("select error ->> 'type' from commands where status = 'rejected'")
    release(fleet.home)

    assert refusals == [("InvalidFieldError",)]
    assert [event.event_type for event in fleet.store.load_events("ada")] == ["UserCreated"]


def stop_database(home: Path) -> None:
    pid = int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGQUIT)
    eventually(lambda: not (home / "postgres" / "postmaster.pid").exists())
