"""Rows that nobody can append, brought in past our door: each troubles only who looks at it."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from store.engine import Connection, Database
from store.errors import UndecodableEventError, UnknownEventError
from store.event_store import EventStore
from store.repository import Repository
from tests.conftest import TestDatabase
from tests.hostile.generate import LOOK_ALIKES
from tests.hostile.odd import LEVELS, Odd
from tests.integration.order_load import INTO
from tests.integration.shelves import Shelf, rang
from tests.toy_shelf import ToyShelf
from tests.toys import Toy

ROW = f"{INTO} values (gen_random_uuid(), %s, %s, %s, %s, 1, %s, '{{}}', clock_timestamp())"
ENDLESS = Odd.ENDLESS_NUMBER.value[1]
DEEP = "[" * LEVELS + "]" * LEVELS
# jsonb takes them all, and none of them is a note.
NO_NOTES = (
    "{}", "[]", "null", '"text"', "7", "true", '{"note": null}', '{"note": "7"}', '{"note": 1.5}',
    '{"note": [7]}', '{"note": 1e-400}', f'{{"note": {ENDLESS}}}', f'{{"note": {DEEP}}}',
    '{"Note": 7}', '{"note ": 7}', '{"\\u043dote": 7}', f"[{ENDLESS}]", DEEP, ENDLESS,
)  # fmt: skip
UNKNOWN = [("Toy", name, 1) for name in (*LOOK_ALIKES, "rang", "Rang ", "R\u0430ng", "")]
UNKNOWN += [("Toy", "Rang", 2), ("Toy", "Rang", 2**31 - 1), ("t\u043ey", "Rang", 1), ("", "", 1)]


@pytest.fixture
def owner(fresh: TestDatabase) -> Iterator[Connection]:
    with closing(psycopg.connect(fresh.admin_url, autocommit=True)) as connection:
        yield connection


def bring_in(owner: Connection, rows: list[tuple[str, str, int, str]]) -> None:
    for number, row in enumerate(rows):
        owner.execute(ROW.encode(), (f"bad-{number}", *row))


def test_what_cannot_be_decoded_is_told_by_its_position_and_the_page_is_read(
    owner: Connection, store: EventStore
) -> None:
    undecodable = [("Toy", "Rang", version, data) for data in NO_NOTES for version in (1, 0, -1)]
    unknown = [(*row, '{"note": 7}') for row in UNKNOWN]
    store.append_events("good", 0, rang(1))
    bring_in(owner, [*undecodable, *unknown])
    store.append_events("good", 1, rang(2))
    first, *bad, last = store.get_all_events()
    errors = len(undecodable) * [UndecodableEventError] + len(unknown) * [UnknownEventError]

    assert [first.event, last.event] == rang(1, 2)
    assert len(bad) == len(errors)
    for event, error in zip(bad, errors, strict=True):
        with pytest.raises(error, match=f"at position {event.global_sequence}"):
            _ = event.event


def test_an_aggregate_with_such_an_event_is_not_loaded_and_the_event_is_named(
    owner: Connection, database: Database
) -> None:
    bring_in(owner, [("Toy", "Rang", 1, data) for data in NO_NOTES])
    toys = Repository(database)

    for number in range(len(NO_NOTES)):
        with pytest.raises(UndecodableEventError, match=f"'Rang' .* at position {number + 1} "):
            toys.load(Toy, f"bad-{number}")


def test_a_projection_parks_their_streams_and_folds_the_others(
    owner: Connection, database: Database
) -> None:
    shelf = Shelf(database, ToyShelf())
    shelf.append("good", *rang(1))
    bring_in(owner, [("Toy", "Rang", 1, data) for data in NO_NOTES])
    last = shelf.append("good", *rang(2))
    shelf.catch_up()
    parked = shelf.parked()

    assert [stream.aggregate_id for stream in parked] == [f"bad-{n}" for n in range(len(NO_NOTES))]
    assert all("cannot be read" in stream.error for stream in parked)
    assert (shelf.position, shelf.checkpoint().status) == (last, "running")
    assert [(row.toy_id, row.rung) for row in shelf.rows().values()] == [("good", 2)]
