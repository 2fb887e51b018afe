"""A projection of toys for tests: choosy about notes, and its table about labels."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never, cast

from sqlalchemy import CheckConstraint, Column, Integer, String, Table

from store.projection import Order, RowProjection, read_models
from store.recorded import RecordedEvent
from tests.toys import Labelled, Rang, ToyEvent

LONGEST_LABEL = 10
UNLUCKY = 13


@dataclass(frozen=True, slots=True)
class ToyEntry:
    toy_id: str
    rung: int
    note: int | None
    label: str | None


shelf = Table(
    "toy_shelf",
    read_models,
    Column("toy_id", String(255), primary_key=True),
    Column("rung", Integer, nullable=False),
    Column("note", Integer),
    Column("label", String(LONGEST_LABEL)),
    CheckConstraint("note <> 666", name="toy_shelf_note_check"),
)


def nothing(_: RecordedEvent) -> None:
    pass


class ToyShelf(RowProjection[ToyEntry]):
    """Without a name in its class line, it is declared to nobody but the tests that take it."""

    name = "toy_shelf"
    version = 1
    row = ToyEntry
    table = shelf
    aggregate_types = frozenset({"Toy"})

    def __init__(
        self, *, parks: bool = True, on_event: Callable[[RecordedEvent], object] = nothing
    ) -> None:
        self.order = Order.AGGREGATE if parks else Order.GLOBAL  # type: ignore[misc]  # for both kinds
        self.superstitious = True
        self.on_event = on_event

    def evolve_row(self, row: ToyEntry | None, event: RecordedEvent) -> ToyEntry | None:
        self.on_event(event)
        before = row or ToyEntry(event.aggregate_id, 0, None, None)
        fact = cast("ToyEvent", event.event)
        match fact:
            case Rang(note=note):
                if note == UNLUCKY and self.superstitious:
                    raise ValueError("such a note is not played here")
                return replace(before, rung=before.rung + 1, note=note)
            case Labelled(text=text):
                return replace(before, label=text)
            case _:
                assert_never(fact)


ToyShelf.tables = {ToyEntry: shelf}
