"""Rows of a read model, loaded and written by the thousand in one statement each."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from psycopg import sql
from sqlalchemy import TEXT, VARCHAR, Column, String, Table, Text

from store.arrays import TextArray
from store.engine import Connection
from store.projection import Key, columns_of


class RowStore:
    """
    One table of a projection.

    Rows travel as one JSON document that PostgreSQL turns into typed rows: msgspec writes it
    faster than the driver could bind the values one by one. So do keys, unless they are one
    text each. What looks rows up is not prepared: a plan made while the table was small or empty
    would go on reading all of it when it has grown. What writes them has no such choice.
    """

    def __init__(self, row: type, table: Table) -> None:
        self.row = row
        self.names = columns_of(row)
        self.key_names = [column.name for column in table.primary_key.columns]
        self._key_indexes = [self.names.index(name) for name in self.key_names]
        self._one_text = is_one_text(list(table.primary_key.columns))
        parts = self._parts(table)
        self._load = LOAD.format(**parts)
        self._upsert = UPSERT.format(**parts)
        self._delete = DELETE.format(**parts)

    def load(self, connection: Connection, keys: Iterable[Key]) -> dict[Key, Any]:
        """Return the rows that exist, by key."""
        wanted = (self._keys(keys),)
        rows = connection.execute(self._load, wanted, binary=True, prepare=False).fetchall()
        make = self.row
        if self._one_text:
            place = self._key_indexes[0]
            return {(make, values[place]): make(*values) for values in rows}
        return {self._key(values): make(*values) for values in rows}

    def write(self, connection: Connection, changes: Iterable[tuple[Key, Any]]) -> None:
        """Insert or replace the given rows, delete those that are None."""
        kept, gone = [], []
        for key, row in changes:
            if row is None:
                gone.append(key)
            else:
                kept.append(row)
        if kept:
            document = msgspec.json.encode(kept).decode()
            connection.execute(self._upsert, (document,), prepare=True)
        if gone:
            connection.execute(self._delete, (self._keys(gone),), prepare=False)

    def _key(self, values: Sequence[Any]) -> Key:
        return (self.row, *(values[index] for index in self._key_indexes))

    def _keys(self, keys: Iterable[Key]) -> TextArray | str:
        if self._one_text:
            return TextArray.of([text for _, text in keys])
        documents = [dict(zip(self.key_names, values, strict=True)) for _, *values in keys]
        return msgspec.json.encode(documents).decode()

    def _parts(self, table: Table) -> dict[str, sql.Composable]:
        others = [name for name in self.names if name not in self.key_names]
        updates = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in others]
        action = sql.SQL("update set {}").format(sql.SQL(", ").join(updates))
        place = sql.Identifier(str(table.schema), table.name)
        own, keys = names(self.key_names, "t"), names(self.key_names)
        wanted = AMONG_TEXTS if self._one_text else AMONG_KEYS
        return {
            "table": place,
            "names": names(self.names),
            "of_table": names(self.names, "t"),
            "key_names": keys,
            "action": action if others else sql.SQL("nothing"),
            "wanted": wanted.format(own=own, keys=keys, table=place),
        }


AMONG_TEXTS = sql.SQL("{own} = any (%b)")
AMONG_KEYS = sql.SQL(
    "({own}) in (select {keys} from json_populate_recordset(null::{table}, %b::text::json))"
)
LOAD = sql.SQL("select {of_table} from {table} t where {wanted}")
UPSERT = sql.SQL(
    "insert into {table} ({names}) "
    "select {names} from json_populate_recordset(null::{table}, %s::text::json) "
    "on conflict ({key_names}) do {action}"
)
DELETE = sql.SQL("delete from {table} t where {wanted}")


def is_one_text(key: Sequence[Column[Any]]) -> bool:
    """Whether a key compares as one plain text; not so citext, char or an enumeration."""
    return len(key) == 1 and type(key[0].type) in {String, Text, VARCHAR, TEXT}


def names(columns: Sequence[str], prefix: str = "") -> sql.Composed:
    parts = [sql.Identifier(prefix, name) if prefix else sql.Identifier(name) for name in columns]
    return sql.SQL(", ").join(parts)
