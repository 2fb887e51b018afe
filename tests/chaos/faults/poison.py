"""A command that takes its process along each time it is tried, until it is parked."""

from random import Random
from uuid import UUID

import psycopg
from sqlalchemy.exc import DBAPIError

from store.engine import Database, Role
from store.inbox import Inbox, Submission
from tests.chaos.stage import POISON, Stage
from tests.toys import Ring
from workers.settings import sqlalchemy_url

PATIENCE = 80
UNDER_WAY = ("", "accepted")
STATUS = "select status from fleetlog.commands where command_id = %s"


def poison(stage: Stage, random: Random) -> int:
    """The clients' commands flow meanwhile; what dies with this one is tried again."""
    toy = f"{POISON}{random.getrandbits(32):x}"
    command_id = UUID(int=random.getrandbits(128), version=4)
    told = Submission(command_id=command_id, command=Ring(toy_id=toy, note=1))
    fault = stage.toy_faults / toy
    fault.write_text(random.choice(["die", "exit", "fail"]))
    database = Database(sqlalchemy_url(stage.servers.database_url))
    status = ""
    try:
        for _ in range(PATIENCE):
            status = tried(database, told)
            if stage.over.is_set() or status not in UNDER_WAY:
                break
            stage.wait(1)
    finally:
        fault.unlink(missing_ok=True)
        database.dispose()
    return int(status == "parked")


def tried(database: Database, submission: Submission) -> str:
    """Submit it, unless that has been done; returns its status, or nothing when nobody answers."""
    try:
        Inbox(database).accept([submission])
        with database.connect(Role.READER) as connection:
            (status,) = connection.execute(STATUS, [submission.command_id]).fetchone() or ("",)
    except (psycopg.Error, DBAPIError):
        return ""
    return str(status)
