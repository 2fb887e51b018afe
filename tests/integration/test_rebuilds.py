"""A rebuild: the rows again, from the first event on."""

import psycopg
import pytest

from store.engine import Database
from store.event_store import EventStore
from store.read_model_tables import restart
from tests.conftest import TestDatabase
from tests.integration.shelves import OWNER, Shelf, labelled, rang
from tests.toy_shelf import ToyEntry, ToyShelf


@pytest.fixture
def shelf(database: Database) -> Shelf:
    return Shelf(database, ToyShelf())


def test_a_rebuild_gives_the_table_its_new_shape_and_the_checkpoint_its_new_version(
    shelf: Shelf, fresh: TestDatabase
) -> None:
    shelf.append("a", *rang(1), labelled("x"))
    shelf.catch_up()
    with psycopg.connect(fresh.admin_url, autocommit=True) as connection:
        connection.execute("alter table fleetlog_read_models.toy_shelf drop column label")
    shelf.projection.version = 2  # type: ignore[misc]  # as a new release of its module would
    restart(shelf.database, shelf.projection, OWNER)
    shelf.catch_up()

    assert shelf.checkpoint().version == 2
    assert shelf.rows() == {"a": ToyEntry("a", 1, 1, "x")}


def test_preparing_twice_changes_nothing(shelf: Shelf, store: EventStore) -> None:
    shelf.append("a", *rang(1))
    shelf.catch_up()
    again = Shelf(shelf.database, shelf.projection)

    assert again.position == store.safe_position()
    assert again.rows() == shelf.from_scratch()
