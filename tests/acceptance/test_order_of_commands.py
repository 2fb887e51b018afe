"""Commands for one aggregate take effect in the order they were submitted in."""

import json
import subprocess
import sys
import uuid
from typing import Any

from celery import Celery

from tests.acceptance.fleet import Fleet
from tests.polling import eventually

SENDER = """
import json, sys
from domain.users import ChangeUserEmail, CreateUser
from workers.submitting import submit
for line in sys.stdin:
    fields = json.loads(line)
    command = CreateUser if "username" in fields else ChangeUserEmail
    submit(command(**fields))
"""


def test_two_hundred_interleaved_commands_on_five_aggregates_keep_their_order(
    fleet: Fleet,
) -> None:
    users = [f"user-{number}" for number in range(5)]
    for name in ("one", "two", "three"):
        fleet.worker(name)

    submit_all(fleet, [{"user_id": u, "username": u, "email": email(u, 0)} for u in users])
    changes = [(user, turn) for turn in range(1, 40) for user in users]
    submit_all(fleet, [{"user_id": u, "new_email": email(u, turn)} for u, turn in changes])
    eventually(lambda: fleet.count("events") == 200, 60)

    for user in users:
        addresses = [event.payload.get("new_email") for event in fleet.store.load_events(user)]
        assert addresses[1:] == [email(user, turn) for turn in range(1, 40)]


def test_a_bare_message_by_name_from_another_service_is_handled(fleet: Fleet) -> None:
    fleet.worker("one")
    stranger = Celery(broker=broker(fleet))
    stranger.conf.task_default_queue = "commands"
    task_id = str(uuid.uuid4())
    fields: dict[str, Any] = {"user_id": "ada", "username": "ada", "email": "ada@example.org"}

    stranger.send_task("CreateUser", kwargs=fields, task_id=task_id)
    eventually(lambda: fleet.count(f"commands where command_id = '{task_id}'") == 1)
    eventually(lambda: fleet.count("commands where status = 'done'") == 1)

    log = fleet.processes[0].log.read_text()
    assert [event.event_type for event in fleet.store.load_events("ada")] == ["UserCreated"]
    assert "ada@example.org" not in log


def submit_all(fleet: Fleet, commands: list[dict[str, str]]) -> None:
    """Submit one after the other, each before the next begins."""
    lines = "".join(json.dumps(command) + "\n" for command in commands)
    subprocess.run(
        [sys.executable, "-c", SENDER], env=fleet.env, input=lines, text=True, check=True
    )


def email(user: str, turn: int) -> str:
    return f"{user}.{turn}@example.org"


def broker(fleet: Fleet) -> str:
    return fleet.env["REDIS_URL"].replace("unix://", "redis+socket://")
