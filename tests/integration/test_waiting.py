"""Whether a read model shows a write: asked of the reader that folds it, and answered at once."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from store import checkpoints, waiting
from store.engine import Database
from store.waiting import (
    NotProjectedInTimeError,
    ProjectionHaltedError,
    StreamParkedError,
    Write,
)
from tests.conftest import TestDatabase
from tests.integration.shelves import Shelf, labelled, rang
from tests.toy_shelf import UNLUCKY, ToyShelf

NAMES = ("toy_shelf",)
LONG = 5.0
SOON = 0.1


@pytest.fixture
def shelf(database: Database) -> Shelf:
    return Shelf(database, ToyShelf())


def wait(shelf: Shelf, write: Write | None, seconds: float = SOON, *others: str) -> None:
    waiting.wait_for(shelf.database, (*NAMES, *others), write, seconds)


def test_who_waits_goes_on_when_the_event_is_folded_and_not_before(shelf: Shelf) -> None:
    write = Write("a", shelf.append("a", *rang(1, 2)))
    with ThreadPoolExecutor() as threads:
        waiter = threads.submit(wait, shelf, write, LONG)
        with pytest.raises(TimeoutError):
            waiter.result(SOON)
        shelf.catch_up()
        waiter.result(LONG)

    assert shelf.rows()["a"].rung == 2


def test_what_was_folded_before_needs_no_waiting(shelf: Shelf) -> None:
    write = Write("a", shelf.append("a", *rang(1)))
    shelf.catch_up()
    wait(shelf, write, 0)


def test_whose_time_is_over_hears_what_is_missing_and_what_to_do(shelf: Shelf) -> None:
    shelf.append("a", *rang(1))
    shelf.catch_up()
    write = Write("a", shelf.append("a", *rang(2)))
    with pytest.raises(NotProjectedInTimeError) as late:
        wait(shelf, write)

    assert str(late.value) == (
        "projection 'toy_shelf' has not come to position 2 within 0.1 s, it is at 1. What was "
        "appended stays, and the read model will show it; does a worker run? "
        "Ask: fleetlog projections"
    )


def test_a_projection_without_a_checkpoint_yet_is_at_the_beginning(shelf: Shelf) -> None:
    write = Write("a", shelf.append("a", *rang(1)))
    shelf.catch_up()
    with pytest.raises(NotProjectedInTimeError, match=r"'young' .* it is at 0"):
        wait(shelf, write, SOON, "young")


def test_a_halted_projection_is_told_at_once(shelf: Shelf) -> None:
    before = Write("a", shelf.append("a", *rang(1)))
    shelf.catch_up()
    write = Write("a", shelf.append("a", *rang(2)))
    checkpoints.halt(shelf.database, shelf.turn(), "an event that nobody knows")
    wait(shelf, before, 0)
    with pytest.raises(ProjectionHaltedError, match="'toy_shelf' is halted at position 1"):
        wait(shelf, write, LONG)


def test_a_parked_stream_is_told_at_once_and_the_others_are_not_held_up(shelf: Shelf) -> None:
    before = Write("a", shelf.append("a", *rang(1)))
    write = Write("a", shelf.append("a", *rang(UNLUCKY)))
    behind = Write("a", shelf.append("a", labelled("x")))
    other = Write("b", shelf.append("b", *rang(2)))
    shelf.catch_up()
    wait(shelf, before, 0)
    wait(shelf, other, 0)
    for lost in (write, behind):
        with pytest.raises(StreamParkedError, match="parked events of 'a'"):
            wait(shelf, lost, LONG)


def test_a_command_that_appended_nothing_is_not_waited_for(shelf: Shelf) -> None:
    nothing = Write.of({"aggregate_id": "a", "version": 0, "position": None, "events": 0})
    wait(shelf, nothing, 0)

    assert nothing is None


def test_only_the_reader_of_the_partition_is_asked(database: Database, fresh: TestDatabase) -> None:
    projection = ToyShelf()
    projection.partitions = 2  # type: ignore[misc]  # one class for both kinds
    shelf = Shelf(database, projection)
    with psycopg.connect(fresh.admin_url, autocommit=True) as admin:
        found = admin.execute(
            "select id, fleetlog.partition_of(id, 2) from unnest(%s::text[]) as u (id)",
            ([f"toy-{n}" for n in range(20)],),
        )
        owner: dict[str, int] = dict(found.fetchall())
        ours = next(id for id, partition in owner.items() if partition == 0)
        theirs = next(id for id, partition in owner.items() if partition == 1)
        first = Write(ours, shelf.append(ours, *rang(1)))
        second = Write(theirs, shelf.append(theirs, *rang(1)))
        admin.execute(
            "update fleetlog.projection_checkpoints set last_global_sequence = 2 "
            "where projection_name = 'toy_shelf/0'"
        )
    wait(shelf, first, 0)
    with pytest.raises(NotProjectedInTimeError):
        wait(shelf, second, 0)


def test_a_generation_that_is_being_built_counts_for_nothing(
    shelf: Shelf, fresh: TestDatabase
) -> None:
    shown = Write("a", shelf.append("a", *rang(1)))
    shelf.catch_up()
    later = Write("a", shelf.append("a", *rang(2)))
    with psycopg.connect(fresh.admin_url, autocommit=True) as admin:
        for generation, reached in ((2, 0), (3, 99)):
            admin.execute(
                "insert into fleetlog.projection_checkpoints "
                "(projection_name, projection, standing, generation, last_global_sequence) "
                "values ('toy_shelf@2/0', 'toy_shelf', 'next', %s, %s) on conflict "
                "(projection_name) do update set last_global_sequence = %s",
                (generation, reached, reached),
            )
            wait(shelf, shown, 0)
            with pytest.raises(NotProjectedInTimeError):
                wait(shelf, later, 0)
