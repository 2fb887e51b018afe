"""Rows of a read model, loaded and written by the thousand in one statement each."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

import msgspec
from psycopg import sql
from sqlalchemy import Table

from store.engine import Connection
from store.projection import Key


class RowStore:
    """
    One table of a projection.

    Rows and keys travel as one JSON document that PostgreSQL turns into typed rows: msgspec
    writes it faster than the driver could bind the values one by one.
    """

    def __init__(self, row: type, table: Table) -> None:
        self.row = row
        self.names = [f.name for f in fields(row)]
        self.key_names = [column.name for column in table.primary_key.columns]
        self._key_indexes = [self.names.index(name) for name in self.key_names]
        parts = self._parts(table)
        self._load = LOAD.format(**parts)
        self._upsert = UPSERT.format(**parts)
        self._delete = DELETE.format(**parts)

    def load(self, connection: Connection, keys: Iterable[Key]) -> dict[Key, Any]:
        """Return the rows that exist, by key."""
        document = self._keys(keys)
        rows = connection.execute(self._load, (document,), binary=True)
        return {self._key(values): self.row(*values) for values in rows}

    def write(self, connection: Connection, changes: Iterable[tuple[Key, Any]]) -> None:
        """Insert or replace the given rows, delete those that are None."""
        kept, gone = [], []
        for key, row in changes:
            if row is None:
                gone.append(key)
            else:
                kept.append(row)
        if kept:
            connection.execute(self._upsert, (msgspec.json.encode(kept).decode(),))
        if gone:
            connection.execute(self._delete, (self._keys(gone),))

    def _key(self, values: Sequence[Any]) -> Key:
        return (self.row, *(values[index] for index in self._key_indexes))

    def _keys(self, keys: Iterable[Key]) -> str:
        documents = [dict(zip(self.key_names, values, strict=True)) for _, *values in keys]
        return msgspec.json.encode(documents).decode()

    def _parts(self, table: Table) -> dict[str, sql.Composable]:
        others = [name for name in self.names if name not in self.key_names]
        updates = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in others]
        action = sql.SQL("update set {}").format(sql.SQL(", ").join(updates))
        matches = [sql.SQL("t.{0} = k.{0}").format(sql.Identifier(n)) for n in self.key_names]
        return {
            "table": sql.Identifier(str(table.schema), table.name),
            "names": names(self.names),
            "of_table": names(self.names, "t"),
            "key_names": names(self.key_names),
            "action": action if others else sql.SQL("nothing"),
            "matches": sql.SQL(" and ").join(matches),
        }


LOAD = sql.SQL(
    "select {of_table} from jsonb_populate_recordset(null::{table}, %b::text::jsonb) k "
    "join {table} t on {matches}"
)
UPSERT = sql.SQL(
    "insert into {table} ({names}) "
    "select {names} from jsonb_populate_recordset(null::{table}, %s::text::jsonb) "
    "on conflict ({key_names}) do {action}"
)
DELETE = sql.SQL(
    "delete from {table} t using jsonb_populate_recordset(null::{table}, %s::text::jsonb) k "
    "where {matches}"
)


def names(columns: Sequence[str], prefix: str = "") -> sql.Composed:
    parts = [sql.Identifier(prefix, name) if prefix else sql.Identifier(name) for name in columns]
    return sql.SQL(", ").join(parts)
