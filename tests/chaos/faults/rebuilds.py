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
from store.read_models.address_book import AddressBook
from store.read_models.analytics.activity import Activity
from store.read_models.analytics.order_figures import OrderFigures
from store.read_models.audit_log import AuditLog
from store.read_models.order_board import OrderBoard
from store.read_models.user_directory import UserDirectory
from store.swapping import swap
from tests.chaos.stage import Stage
from tests.toy_shelf import ToyShelf
from workers.settings import sqlalchemy_url

T = TypeVar("T")

PROJECTIONS: tuple[Callable[[], Projection], ...] = (
    *(OrderBoard, UserDirectory, ToyShelf),
    *(Activity, OrderFigures, AuditLog, AddressBook),
)
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
    """Back to the generation from before, where there is one, which then has to catch up."""

    def back(database: Database) -> bool:
        choice = [made() for made in PROJECTIONS if has(database, made(), "previous")]
        if not choice:
            return False
        return bool(swap(database, random.choice(choice), standing="previous", within=5))

    return int(bool(tried(stage, back)))


def give_up_rebuild(stage: Stage, random: Random) -> int:
    """Given up as soon as it was begun, while workers are at it."""
    projection = random.choice(PROJECTIONS)()

    def given_up(database: Database) -> bool:
        generations.begin(database, projection, shares=2)
        stage.between(random, 0.1, 3)
        return generations.give_up(database, projection)

    return int(bool(tried(stage, given_up)))


def is_being_built(database: Database, projection: Projection) -> bool:
    with suppress(psycopg.Error, DBAPIError):
        return has(database, projection, "next")
    return True


def has(database: Database, projection: Projection, standing: str) -> bool:
    with database.connect(Role.READER) as connection:
        return bool(checkpoints.readers(connection, projection.name, standing))


def tried(stage: Stage, act: Callable[[Database], T]) -> T | None:
    """Act on the server itself, past the wires; None when it was away or would not."""
    database = Database(sqlalchemy_url(stage.servers.database_url))
    try:
        return act(database)
    except REFUSED:
        return None
    finally:
        database.dispose()
