"""
Arrays in PostgreSQL's binary format, packed by hand.

psycopg's own list dumper looks at every element twice to find its type; on the
append path, which knows its types, that was a third of the client's time.
Layout: PostgreSQL source, `array_send` in src/backend/utils/adt/arrayfuncs.c.
"""

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import ClassVar, Self
from uuid import UUID

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = Struct(">iiIii")  # dimensions, any nulls, element type, length, lower bound
_LENGTH = Struct(">i")
_INT4 = Struct(">ii")
_INT8 = Struct(">iq")
_UUID_LENGTH = _LENGTH.pack(16)
_NULL = _LENGTH.pack(-1)


class BinaryArray(bytes):
    """An array ready to be sent; build one with the subclass for its element type."""

    oid: ClassVar[int]
    element_oid: ClassVar[int]

    @classmethod
    def packed(cls, length: int, elements: Iterable[bytes], *, nulls: bool = False) -> Self:
        header = _HEADER.pack(1 if length else 0, nulls, cls.element_oid, length, 1)
        return cls(b"".join((header, *elements)) if length else header[:12])


class TextArray(BinaryArray):
    oid, element_oid = 1009, 25

    @classmethod
    def of(cls, values: Sequence[str | bytes | None]) -> Self:
        raw = [v.encode() if isinstance(v, str) else v for v in values]
        elements = (_NULL if v is None else _LENGTH.pack(len(v)) + v for v in raw)
        return cls.packed(len(raw), elements, nulls=None in raw)


class UuidArray(BinaryArray):
    oid, element_oid = 2951, 2950

    @classmethod
    def of(cls, values: Sequence[UUID]) -> Self:
        return cls.packed(len(values), (_UUID_LENGTH + v.bytes for v in values))


class IntArray(BinaryArray):
    oid, element_oid = 1007, 23

    @classmethod
    def of(cls, values: Sequence[int]) -> Self:
        return cls.packed(len(values), (_INT4.pack(4, v) for v in values))


class BigIntArray(BinaryArray):
    oid, element_oid = 1016, 20

    @classmethod
    def of(cls, values: Sequence[int]) -> Self:
        return cls.packed(len(values), (_INT8.pack(8, v) for v in values))


def register_arrays(connection: psycopg.Connection) -> None:
    """Teach one connection to send these arrays as they are."""
    for kind in (TextArray, UuidArray, IntArray, BigIntArray):
        connection.adapters.register_dumper(kind, _dumper(kind))


def _dumper(kind: type[BinaryArray]) -> type[Dumper]:
    class ArrayDumper(Dumper):
        oid = kind.oid
        format = Format.BINARY

        def dump(self, obj: Buffer) -> Buffer:
            return obj

    return ArrayDumper
