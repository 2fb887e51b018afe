"""A consumer's next generation, built in one go or in shares, is the live one over again."""

import psycopg
import pytest

from store import checkpoints, generations
from store.auditing import page
from store.comparing import compare
from store.engine import Database, Role
from store.event_store import EventStore
from store.generations import tables_of
from store.projection import Order, Projection
from store.projector import Projector
from store.read_model_tables import prepare
from store.swapping import swap
from tests.conftest import TestDatabase
from tests.integration.real_past import copy_in
from tests.integration.test_audit_log import CONSUMERS, catch_up
from tests.integration.test_read_models import fill

SHARES = 3
INDEXES = """
select tablename, regexp_replace(indexdef, '^.* USING', '') from pg_indexes
where schemaname = 'fleetlog_read_models' order by 1, 2
"""


@pytest.fixture
def filled(database: Database, store: EventStore, fresh: TestDatabase) -> Database:
    prepare(database, CONSUMERS)
    fill(store, 1, 60)
    copy_in(fresh, 200)
    for projection in CONSUMERS:
        catch_up(database, projection)
    return database


def indexes(fresh: TestDatabase) -> list[tuple[str, str]]:
    with psycopg.connect(fresh.admin_url) as connection:
        return connection.execute(INDEXES).fetchall()


def build_next(database: Database, projection: Projection) -> str:
    """Build it, a few events at a time, its shares one after the other; returns its suffix."""
    readers = generations.begin(database, projection, shares=SHARES)
    assert len(readers) == (SHARES if projection.order is Order.AGGREGATE else 1)
    for reader in readers:
        tables = tables_of(projection, reader.table_suffix)
        projector = Projector(database, projection, batch_size=64, tables=tables)
        at = checkpoints.take_over(database, reader.projection_name, "a test")
        while not (advanced := projector.advance(at)).caught_up:
            at = advanced.checkpoint
    return readers[0].table_suffix


def test_a_rebuild_makes_the_same_rows_with_the_same_indexes(
    filled: Database, fresh: TestDatabase
) -> None:
    before = indexes(fresh)
    for projection in CONSUMERS:
        suffix = build_next(filled, projection)
        with filled.connect(Role.READER) as connection:
            compared = compare(connection, projection, suffix)
        swap(filled, projection)
        generations.give_up(filled, projection, "previous")

        assert (compared.differing, compared.other_shape) == (0, ())
        assert compared.rows >= 1
    with filled.connect(Role.READER) as connection:
        entries = page(connection, text="deactivated")

    assert indexes(fresh) == before
    assert any("gin" in definition for _, definition in before)
    assert len(entries) > 1
