"""What hangs on a live table follows when another takes its name: grants, indexes, views."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import errors

from store.engine import Database, Role
from store.errors import GenerationError
from store.succession import copy_indexes
from store.swapping import swap
from tests.conftest import TestDatabase
from tests.integration.generations import MODELS, Generations, as_admin, asked
from tests.integration.shelves import rang
from tests.toy_shelf import ToyShelf

SHELF = f"{MODELS}.toy_shelf"
AS_PROJECTOR = "set role fleetlog_projector"
OLD_ROW = f"update {SHELF} set note = 77"


@pytest.fixture
def shelf(database: Database, fresh: TestDatabase) -> Iterator[Generations]:
    made = Generations(database, ToyShelf())
    made.append("a", *rang(1, 2))
    made.catch_up()
    as_admin(fresh, OLD_ROW, "create role librarian")
    yield made
    as_admin(fresh, "drop owned by librarian cascade", "drop role librarian")


def test_whoever_could_use_the_table_can_use_the_next_one(
    shelf: Generations, fresh: TestDatabase
) -> None:
    as_admin(
        fresh,
        f"grant usage on schema {MODELS} to librarian",
        f"grant select (toy_id, note) on {SHELF} to librarian",
        f"grant delete on {SHELF} to librarian with grant option",
        f"grant select on {SHELF} to public",
    )
    before = asked(fresh, privileges())
    shelf.rebuilt()

    assert asked(fresh, privileges()) == before
    assert len(before) > 5


def privileges() -> str:
    """Who may do what to the table called so, columns included."""
    return f"""
        select concat_ws(' ', grantee, privilege_type, is_grantable, column_name) from (
            select grantee, privilege_type, is_grantable, '' as column_name
            from information_schema.table_privileges
            where table_schema = '{MODELS}' and table_name = 'toy_shelf'
            union all
            select grantee, privilege_type, is_grantable, column_name
            from information_schema.column_privileges
            where table_schema = '{MODELS}' and table_name = 'toy_shelf') p order by 1"""


def test_an_index_that_somebody_has_added_is_made_on_the_next_one(
    shelf: Generations, fresh: TestDatabase
) -> None:
    as_admin(
        fresh,
        AS_PROJECTOR,
        f"create index by_label on {SHELF} (lower(label)) where note > 1",
    )
    shelf.begin()
    with shelf.database.connect(Role.PROJECTOR) as connection:
        missing = copy_indexes(connection, "toy_shelf", "toy_shelf__g2", "__g2")
    shelf.build()
    shelf.swap()
    made = asked(fresh, f"select indexdef from pg_indexes where schemaname = '{MODELS}'")

    assert missing == []
    assert sum("ON fleetlog_read_models.toy_shelf USING btree (lower" in str(d) for d in made) == 1


def test_an_index_whose_column_is_gone_is_told_and_stops_nothing(
    shelf: Generations, fresh: TestDatabase
) -> None:
    as_admin(fresh, f"alter table {SHELF} add column extra integer", AS_PROJECTOR)
    as_admin(fresh, AS_PROJECTOR, f"create index by_extra on {SHELF} (extra)")
    shelf.begin()
    with shelf.database.connect(Role.PROJECTOR) as connection:
        missing = copy_indexes(connection, "toy_shelf", "toy_shelf__g2", "__g2")

    assert [name.rpartition(".")[2] for name in missing] == ["by_extra"]


def test_a_view_reads_the_new_rows_and_keeps_its_own_grants_and_options(
    shelf: Generations, fresh: TestDatabase
) -> None:
    as_admin(
        fresh,
        AS_PROJECTOR,
        f"create view {MODELS}.notes with (security_barrier) as select toy_id, note from {SHELF}",
        f"create view {MODELS}.high as select * from {MODELS}.notes where note > 1",
        f"grant select on {MODELS}.notes to librarian",
    )
    shelf.rebuilt()

    assert asked(fresh, f"select note from {MODELS}.high") == [2]
    assert asked(fresh, of_notes("relacl::text like '%librarian=r%'")) == [True]
    assert asked(fresh, of_notes("reloptions[1]")) == ["security_barrier=true"]


def of_notes(what: str) -> str:
    return f"select {what} from pg_class where oid = '{MODELS}.notes'::regclass"


def test_a_view_of_somebody_else_stops_the_swap_and_says_what_to_do(
    shelf: Generations, fresh: TestDatabase
) -> None:
    as_admin(
        fresh,
        "create schema library authorization librarian",
        f"create view library.shelf as select * from {SHELF}",
        "alter view library.shelf owner to librarian",
    )
    with pytest.raises(GenerationError, match="grant librarian to fleetlog_projector"):
        shelf.rebuilt()
    stopped = shelf.readers()
    as_admin(
        fresh,
        "grant librarian to fleetlog_projector",
        f"grant select on {SHELF} to librarian",
        f"grant usage on schema {MODELS} to librarian",
    )
    shelf.swap()

    assert [one.generation for one in stopped] == [1]
    assert asked(fresh, "select note from library.shelf") == [2]


def test_a_materialized_view_stops_the_swap_instead_of_growing_stale(
    shelf: Generations, fresh: TestDatabase
) -> None:
    as_admin(
        fresh, AS_PROJECTOR, f"create materialized view {MODELS}.frozen as select * from {SHELF}"
    )
    with pytest.raises(GenerationError, match="frozen is no plain view of toy_shelf"):
        shelf.rebuilt()

    assert asked(fresh, f"select note from {SHELF}") == [77]


@contextmanager
def reading_for_long(fresh: TestDatabase) -> Iterator[psycopg.Connection]:
    with psycopg.connect(fresh.admin_url) as connection:
        connection.execute(f"select * from {SHELF}".encode())
        yield connection
        connection.rollback()


def test_behind_a_long_reader_the_swap_waits_without_holding_others_up(
    shelf: Generations, fresh: TestDatabase
) -> None:
    shelf.begin()
    shelf.build()
    with reading_for_long(fresh) as reader:
        with pytest.raises(errors.LockNotAvailable):
            swap(shelf.database, shelf.projection, within=0.5)
        read = asked(fresh, f"select note from {SHELF}")
        same = reader.execute(f"select note from {SHELF}".encode()).fetchall()
    swapped = shelf.swap()

    assert read == [77]
    assert same == [(77,)]
    assert swapped.generation == 2
    assert asked(fresh, f"select note from {SHELF}") == [2]
