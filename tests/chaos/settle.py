"""Waiting until nothing moves any more: no command waits, no reader is behind, no message lies."""

import time
from collections.abc import Iterator

import psycopg
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from store.engine import Database, Role
from tests.chaos.messages import left_over

LOOK_SECONDS = 0.1
WAITING = "select count(*), count(distinct aggregate_id) from fleetlog.commands where {}"
OPEN = "status = 'accepted'"
# What comes after a command is noted on it until it is on its way.
CONTINUED = "status in ('done', 'rejected') and continuation is not null"
# The checkpoint of the snapshots moves on with those who take them, not with the events.
BEHIND = """
select c.projection_name, c.last_global_sequence, c.status, coalesce(c.error, ''),
       (select coalesce(max(e.global_sequence), 0) from fleetlog.events e)
from fleetlog.projection_checkpoints c
where c.projection_name <> 'snapshots' and c.standing = 'live' order by 1
"""


def quiet(database: Database, redis: Redis | None, seconds: float) -> None:
    """
    Return when nothing moves; raises AssertionError with what still does after so long.

    Without a broker to look into, ticks may come and go.
    """
    give_up = time.monotonic() + seconds
    while moving := still_moving(database, redis):
        if time.monotonic() > give_up:
            raise AssertionError("; ".join(moving))
        time.sleep(LOOK_SECONDS)


def still_moving(database: Database, redis: Redis | None) -> list[str]:
    """Return what moves, in words; a server that does not answer is in motion too."""
    try:
        return [*open_commands(database), *readers_behind(database), *lying(redis)]
    except (psycopg.Error, DBAPIError, RedisError) as error:
        return [f"no answer: {error}"]


def lying(redis: Redis | None) -> Iterator[str]:
    if redis:
        yield from left_over(redis)


def open_commands(database: Database) -> Iterator[str]:
    for condition, words in ((OPEN, "wait"), (CONTINUED, "have yet to be continued")):
        with database.connect(Role.READER) as connection:
            row = connection.execute(WAITING.format(condition).encode()).fetchone()
        if row and row[0]:
            yield f"{row[0]} commands of {row[1]} aggregates {words}"


def readers_behind(database: Database) -> Iterator[str]:
    with database.connect(Role.READER) as connection:
        rows = connection.execute(BEHIND).fetchall()
    for name, position, status, error, last in rows:
        if status != "running":
            yield f"{name} is {status} at position {position} of {last}: {error or 'no reason'}"
        elif position < last:
            yield f"{name} is at position {position} of {last}"
