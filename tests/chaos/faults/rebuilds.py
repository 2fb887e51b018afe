"""Rebuilds in the midst of it all: begun, and left to the fleet; rolled back; given up."""

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import TypeVar

import psycopg
from sqlalchemy.exc import DBAPIError

from store import checkpoints, generations
from store.engine import Database, Role
from store.errors import GenerationError, NotAlignedError
from store.projection import Projection
from store.read_models.order_board import OrderBoard
from store.read_models.user_directory import UserDirectory
from store.swapping import swap
from tests.chaos.shelf import DeclaredShelf
from tests.chaos.stage import Stage
from workers.settings import sqlalchemy_url

T = TypeVar("T")

PROJECTIONS: tuple[Callable[[], Projection], ...] = (OrderBoard, UserDirectory, DeclaredShelf)
PATIENCE = 20
REFUSED = (GenerationError, NotAlignedError, psycopg.Error, DBAPIError)


def rebuild(stage: Stage, random: Random) -> int:
    """The fleet builds in shares, with all that befalls it, and swaps in what it has built."""
    projection, shares = random.choice(PROJECTIONS)(), random.randint(1, 3)

    def begun(database: Database) -> bool:
        generations.begin(database, projection, shares=shares)
        for _ in range(PATIENCE):
            stage.wait(1)
            if stage.over.is_set() or not is_being_built(database, projection):
                return True
        return False

    return int(bool(tried(stage, begun)))


def roll_back(stage: Stage, random: Random) -> int:
    """Back to the generation from before, which then has to catch up."""
    projection = random.choice(PROJECTIONS)()
    back = tried(stage, lambda at: swap(at, projection, standing="previous", within=5))
    return int(bool(back))


def give_up_rebuild(stage: Stage, random: Random) -> int:
    """Given up as soon as it was begun, while workers are at it."""
    projection = random.choice(PROJECTIONS)()

    def given_up(database: Database) -> bool:
        generations.begin(database, projection, shares=2)
        stage.between(random, 0.1, 3)
        return generations.give_up(database, projection)

    return int(bool(tried(stage, given_up)))


def is_being_built(database: Database, projection: Projection) -> bool:
    with suppress(psycopg.Error, DBAPIError), database.connect(Role.READER) as connection:
        return bool(checkpoints.readers(connection, projection.name, "next"))
    return True


def tried(stage: Stage, act: Callable[[Database], T]) -> T | None:
    """Act on the server itself, past the wires; None when it was away or would not."""
    database = Database(sqlalchemy_url(stage.servers.database_url))
    try:
        return act(database)
    except REFUSED:
        return None
    finally:
        database.dispose()
