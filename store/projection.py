"""Projections: folds of the global order into the rows of a read model."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from sqlalchemy import MetaData, Table

from store.errors import DomainSetupError
from store.recorded import RecordedEvent
from store.schema import READ_MODEL_SCHEMA

R = TypeVar("R")
# A row's class, then its primary key: ("which table", "which row").
Key: TypeAlias = tuple[Any, ...]
Rows: TypeAlias = Mapping[Key, Any]

# They set a reader's partition and generation apart from its projection: see store/checkpoints.py.
RESERVED = frozenset("/@")
LONGEST_NAME = 100
LONGEST_TABLE = 50  # a generation's number is put behind it
MOST_PARTITIONS = 64

read_models = MetaData(schema=READ_MODEL_SCHEMA)
_projections: dict[str, "Projection"] = {}


class Order(StrEnum):
    """On what order of events a projection's rows depend; that decides what it may do."""

    AGGREGATE = "aggregate"
    """Each row on the events of one aggregate alone: it parks, and may be split and shared out."""
    COMMUTES = "commutes"
    """On that of each aggregate, whichever aggregate comes first: it parks."""
    GLOBAL = "global"
    """On that of the whole store: a poison event halts it."""


class Projection(ABC):
    """
    A pure fold: which rows does an event touch, and what becomes of them?

    `tables` maps each row class, whose fields are the columns, to its table. A row is a slotted
    dataclass, or a frozen msgspec.Struct, of which a changed copy is made in a fifth of the time.
    Raise `version` when the rows would come out differently, and rebuild.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    aggregate_types: ClassVar[frozenset[str] | None]
    """What it reads; None is every event, also those that no class knows."""
    tables: ClassVar[Mapping[type, Table]]
    ignorable: ClassVar[frozenset[str]] = frozenset()
    """Types of event that no class needs to know here; any other unknown one halts us."""
    order: ClassVar[Order] = Order.GLOBAL
    reads_metadata: ClassVar[bool] = False
    """Whether the fold looks at an event's id and metadata, which cost extra to read."""
    partitions: ClassVar[int] = 1
    """How many readers share its aggregates; a rebuild brings a changed number into effect."""
    rebuilds: ClassVar[bool] = True
    """Whether its rows may be thrown away and folded again."""

    def __init_subclass__(cls, *, name: str = "", version: int = 1) -> None:
        super().__init_subclass__()
        if name:
            if taken := _projections.get(name):
                raise ValueError(
                    f"projection name {name!r} is already taken, by {type(taken).__module__}"
                )
            cls.name, cls.version = name, version
            projection = cls()
            check_name(name)
            check_rows(projection)
            check_partitions(projection)
            _projections[name] = projection

    @property
    def parks(self) -> bool:
        """Whether a poison event parks its stream and the others go on, or halts us."""
        return self.order is not Order.GLOBAL

    def reads(self, aggregate_type: str) -> bool:
        """Whether events of these aggregates concern it."""
        return self.aggregate_types is None or aggregate_type in self.aggregate_types

    @abstractmethod
    def keys(self, event: RecordedEvent) -> Iterable[Key]:
        """Return the keys of all rows that `evolve` will look at or change."""

    @abstractmethod
    def evolve(self, rows: Rows, event: RecordedEvent) -> Rows:
        """
        Return the rows that change, None for one that goes; no row is changed in place.

        `rows` holds the event's keys, and others: absent ones are missing or None.
        """


class RowProjection(Projection, Generic[R]):
    """The common case: one row for each aggregate, under its id. Poison parks its stream."""

    row: ClassVar[type]
    table: ClassVar[Table]
    order = Order.AGGREGATE

    def __init_subclass__(cls, *, name: str = "", version: int = 1) -> None:
        cls.tables = {cls.row: cls.table} if name else {}
        super().__init_subclass__(name=name, version=version)

    def keys(self, event: RecordedEvent) -> Iterable[Key]:
        return ((self.row, event.aggregate_id),)

    def evolve(self, rows: Rows, event: RecordedEvent) -> Rows:
        key = (self.row, event.aggregate_id)
        return {key: self.evolve_row(rows.get(key), event)}

    @abstractmethod
    def evolve_row(self, row: R | None, event: RecordedEvent) -> R | None:
        """Return the aggregate's row after `event`; a new object, or the same when unchanged."""


def projections() -> Iterator[Projection]:
    """Every projection that has been declared."""
    yield from _projections.values()


def projection(name: str) -> Projection | None:
    """Return the projection of this name, or None."""
    return _projections.get(name)


def check_name(name: str) -> None:
    """Refuse a name that could be taken for that of one of its readers."""
    if not name or len(name) > LONGEST_NAME or RESERVED & set(name):
        raise DomainSetupError(
            f"a projection's name has 1 to {LONGEST_NAME} characters without / and @, "
            f"which {name!r} has not"
        )


def check_partitions(projection: Projection) -> None:
    """Refuse to split what two readers would have to write together."""
    if not 1 <= projection.partitions <= MOST_PARTITIONS:
        raise DomainSetupError(
            f"projection {projection.name} must have 1 to {MOST_PARTITIONS} partitions"
        )
    if projection.partitions > 1 and projection.order is not Order.AGGREGATE:
        raise DomainSetupError(
            f"projection {projection.name} cannot be split into partitions: its rows do not "
            "depend on one aggregate each (order = Order.AGGREGATE)"
        )


def columns_of(row: type) -> list[str]:
    """Return the names of a row class's fields, in their order."""
    names = getattr(row, "__struct_fields__", None)
    return list(names) if names is not None else [f.name for f in fields(row)]


def check_rows(projection: Projection) -> None:
    """Refuse a projection whose row classes and tables do not fit each other."""
    for row, table in projection.tables.items():
        columns = {column.name for column in table.columns}
        if columns != set(columns_of(row)):
            raise DomainSetupError(f"{row.__name__} and table {table.name} differ in their columns")
        if len(table.name) > LONGEST_TABLE:
            raise DomainSetupError(f"table {table.name}: {LONGEST_TABLE} characters are the most")
        if table.schema != READ_MODEL_SCHEMA:
            raise DomainSetupError(
                f"table {table.name} must be declared on store.projection.read_models"
            )
        if not table.primary_key:
            raise DomainSetupError(f"table {table.name} has no primary key to find its rows by")
