"""Marks: a field is people's data also where only a part of it is."""

from dataclasses import dataclass
from typing import NamedTuple, TypedDict

from domain.event import Event
from domain.message import Mark, Personal, Secret, marked_fields


@dataclass(frozen=True)
class Sofa:
    """A record within a message, and within itself."""

    seats: int
    taken: "tuple[Personal[str] | Sofa, ...]" = ()


@dataclass(frozen=True)
class Desk:
    size: int


class Place(NamedTuple):
    street: Personal[str]


class Form(TypedDict):
    answers: list[Secret[str]]


def test_a_mark_within_a_fields_type_marks_the_field() -> None:
    class Met(Event):
        guest: Personal[str] | None = None
        sofa: Sofa | None = None
        desk: Desk | None = None
        place: Place | None = None
        form: Form | None = None
        codes: tuple[Secret[str], ...] = ()
        rooms: dict[str, list[Personal[str]]] | None = None
        times: int | None = None

    marks = {
        "guest": Mark.PERSONAL,
        "sofa": Mark.PERSONAL,
        "place": Mark.PERSONAL,
        "form": Mark.SECRET,
        "codes": Mark.SECRET,
        "rooms": Mark.PERSONAL,
    }
    assert marked_fields(Met) == marks
