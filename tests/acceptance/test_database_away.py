"""The database goes away for a moment; nothing that was asked for is lost."""

import os
import signal
import uuid
from pathlib import Path

from celery import Celery

from tests.acceptance.fleet import Fleet
from tests.polling import eventually
from workers.embedded import hold, release


def test_a_bare_message_that_comes_while_the_database_is_away_is_handled_afterwards(
    fleet: Fleet,
) -> None:
    worker = fleet.worker("one")
    stranger = Celery(broker=fleet.env["REDIS_URL"].replace("unix://", "redis+socket://"))
    stranger.conf.task_default_queue = "commands"
    task_id = str(uuid.uuid4())

    stop_database(fleet.home)
    fields = {"user_id": "ada", "username": "ada", "email": "ada@example.org"}
    stranger.send_task("CreateUser", kwargs=fields, task_id=task_id)
    eventually(lambda: worker.says("a message goes back whole"), 30)
    hold(fleet.home, durable=False)
    eventually(lambda: fleet.count("commands where status = 'done'") == 1, 30)
    release(fleet.home)

    assert [event.event_type for event in fleet.store.load_events("ada")] == ["UserCreated"]


def stop_database(home: Path) -> None:
    pid = int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGQUIT)
    eventually(lambda: not (home / "postgres" / "postmaster.pid").exists())
