"""A command that takes its process along each time it is tried, until it is parked."""

from random import Random
from uuid import UUID

import psycopg
from sqlalchemy.exc import DBAPIError

from store.engine import Database, Role
from store.inbox import Inbox, Submission
from tests.chaos.stage import Deed, Stage
from tests.toys import Ring
from workers.settings import sqlalchemy_url

PATIENCE = 40
STATUS = "select status from fleetlog.commands where command_id = %s"


def poison(stage: Stage, random: Random) -> None:
    """The clients' commands flow meanwhile; what dies with this one is tried again."""
    toy = f"poison-{random.getrandbits(32):x}"
    command_id = UUID(int=random.getrandbits(128), version=4)
    told = Submission(command_id=command_id, command=Ring(toy_id=toy, note=1))
    fault = stage.toy_faults / toy
    fault.write_text(random.choice(["die", "exit", "fail"]))
    database = Database(sqlalchemy_url(stage.servers.database_url))
    try:
        for _ in range(PATIENCE):
            if stage.over.is_set() or tried(database, told):
                break
            stage.wait(1)
    finally:
        fault.unlink(missing_ok=True)
        database.dispose()
    stage.count(Deed.POISON)


def tried(database: Database, submission: Submission) -> bool:
    """Submit it, unless that has been done; returns whether the fleet is through with it."""
    try:
        Inbox(database).accept([submission])
        with database.connect(Role.READER) as connection:
            (status,) = connection.execute(STATUS, [submission.command_id]).fetchone() or ("",)
    except (psycopg.Error, DBAPIError):
        return False
    return bool(status != "accepted")
