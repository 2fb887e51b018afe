"""Two generations of a read model side by side: which rows differ?"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from sqlalchemy import Table

from store.engine import Connection, Database, Role
from store.patience import unhurried
from store.projection import Projection
from store.read_model_tables import place
from store.renaming import suffixed

SIDES = """
select to_jsonb(l) as live, to_jsonb(n) as next
from {live} l full join {next} n using ({key})
where l is distinct from n
order by {key} limit %b::bigint
"""
COUNT = """
select count(*) from {live} l full join {next} n using ({key}) where l is distinct from n
"""
ROWS = "select count(*) from {next}"
# A table of millions takes its time, and nobody waits for it.
UNHURRIED = "set local statement_timeout = 0"


@dataclass(frozen=True)
class Difference:
    """One row as the live generation has it, and as the next one does; None: not at all."""

    table: str
    key: tuple[Any, ...]
    live: dict[str, Any] | None
    next: dict[str, Any] | None

    def changes(self) -> dict[str, tuple[Any, Any]]:
        """Return the columns that differ, with both values."""
        live, following = self.live or {}, self.next or {}
        return {
            name: (live.get(name), following.get(name))
            for name in {**live, **following}
            if live.get(name) != following.get(name)
        }


@dataclass(frozen=True)
class Comparison:
    """How many rows the next generation has, how many differ, and the first of those."""

    rows: int
    differing: int
    examples: tuple[Difference, ...]
    other_shape: tuple[str, ...] = ()
    """Tables whose columns are not those of the live ones, so that every row differs."""


@contextmanager
def frozen(database: Database) -> Iterator[Connection]:
    """Lend a connection that sees one instant for as long as it takes, from now on."""
    with (
        database.connect(Role.READER) as connection,
        unhurried(connection),
        connection.transaction(),
    ):
        connection.execute("set transaction isolation level repeatable read, read only")
        connection.execute(UNHURRIED)  # takes no snapshot yet
        connection.execute("select count(*) from fleetlog.projection_checkpoints")
        yield connection


def compare(
    connection: Connection, projection: Projection, suffix: str, limit: int = 100
) -> Comparison:
    """Compare all tables of the live generation with those of the one called `suffix`."""
    rows = differing = 0
    examples: list[Difference] = []
    misshapen = []
    for table in projection.tables.values():
        parts = sides(table, suffix)
        rows += one_number(connection, sql.SQL(ROWS).format(**parts))
        try:
            with connection.transaction():
                differing += one_number(connection, sql.SQL(COUNT).format(**parts))
                examples += first(connection, table, parts, limit - len(examples))
        except (psycopg.errors.DatatypeMismatch, psycopg.errors.UndefinedColumn):
            misshapen.append(table.name)
    return Comparison(rows, differing, tuple(examples), tuple(misshapen))


def sides(table: Table, suffix: str) -> dict[str, sql.Composable]:
    key = [sql.Identifier(column.name) for column in table.primary_key.columns]
    return {
        "live": place(table.name),
        "next": place(suffixed(table.name, suffix)),
        "key": sql.SQL(", ").join(key),
    }


def one_number(connection: Connection, query: sql.Composed) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def first(
    connection: Connection, table: Table, parts: dict[str, sql.Composable], limit: int
) -> list[Difference]:
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(sql.SQL(SIDES).format(**parts), (max(limit, 0),))
        return [difference(table, row["live"], row["next"]) for row in cursor]


def difference(
    table: Table, live: dict[str, Any] | None, following: dict[str, Any] | None
) -> Difference:
    row = live or following or {}
    key = tuple(row.get(column.name) for column in table.primary_key.columns)
    return Difference(str(table.name), key, live, following)
