"""Generations: the next one is built beside the live one, and takes its place at one instant."""

import pytest

from store import checkpoints, generations
from store.engine import Database
from store.errors import FencedError, GenerationError, NoReaderError, NotAlignedError
from tests.conftest import TestDatabase
from tests.integration.generations import MODELS, Generations, as_admin, asked
from tests.integration.shelves import OWNER, labelled, rang
from tests.toy_shelf import UNLUCKY, ToyShelf

TABLES = f"select relname::text from pg_class where relnamespace = '{MODELS}'::regnamespace"
TABLES += " and relkind = 'r' and relname like 'toy_shelf%' order by 1"
TOYS = 20


@pytest.fixture
def shelf(database: Database) -> Generations:
    """Twenty toys, all but the last event of which are on the live shelf."""
    made = Generations(database, ToyShelf())
    for number in range(TOYS):
        made.append(f"toy-{number}", *rang(1, 2))
    made.catch_up()
    made.append("toy-0", labelled("x"))
    return made


def test_a_next_generation_is_built_while_the_live_one_goes_on_as_ever(
    shelf: Generations, fresh: TestDatabase
) -> None:
    as_admin(fresh, f"update {MODELS}.toy_shelf set note = 77")
    shelf.begin()
    shelf.build()
    shelf.append("toy-1", labelled("late"))
    shelf.catch_up()
    wrong = {row.note for row in shelf.rows().values()}

    assert wrong == {77}
    assert asked(fresh, f"select count(*) from {MODELS}.toy_shelf__g2") == [TOYS]
    assert [one.status for one in shelf.readers("next")] == ["running"]


def test_after_the_swap_the_rows_equal_the_fold_and_the_live_reader_goes_on(
    shelf: Generations, fresh: TestDatabase
) -> None:
    as_admin(fresh, f"update {MODELS}.toy_shelf set note = 77")
    swapped = shelf.rebuilt()
    shelf.append("toy-1", labelled("late"))
    shelf.catch_up()

    assert shelf.rows() == shelf.from_scratch()
    assert (swapped.generation, swapped.position) == (2, 2 * TOYS + 1)
    assert [(one.generation, one.standing) for one in shelf.readers()] == [(2, "live")]
    assert shelf.readers("next") == []


def test_a_writer_of_the_generation_before_writes_nothing_after_the_swap(
    shelf: Generations,
) -> None:
    before = shelf.turn()
    shelf.rebuilt()
    rows = shelf.rows()
    shelf.append("toy-1", labelled("late"))

    with pytest.raises(FencedError):
        shelf.projector.advance(before)
    assert shelf.rows() == rows


def test_a_builder_that_is_still_at_it_writes_nothing_into_the_live_tables(
    shelf: Generations,
) -> None:
    [reader] = shelf.begin()
    builder = checkpoints.take_over(shelf.database, reader.projection_name, OWNER)
    shelf.rebuilt()
    rows = shelf.rows()

    with pytest.raises(FencedError):
        shelf.projector_of(reader).advance(builder)
    assert shelf.rows() == rows


def test_a_generation_that_is_behind_does_not_take_its_place(shelf: Generations) -> None:
    shelf.begin()
    shelf.build(until=5)
    shelf.catch_up()
    live, rows = shelf.readers(), shelf.rows()

    with pytest.raises(NotAlignedError, match="built up to 5, the live rows to 41"):
        shelf.swap()
    assert shelf.readers() == live
    assert shelf.rows() == rows


def test_many_build_together_what_one_reader_goes_on_with(shelf: Generations) -> None:
    begun = shelf.begin(shares=3)
    shelf.rebuilt()

    assert [one.projection_name for one in begun] == [f"toy_shelf@2/{n}" for n in range(3)]
    assert [one.projection_name for one in shelf.readers()] == ["toy_shelf"]
    assert shelf.rows() == shelf.from_scratch()


def test_the_shares_of_a_build_are_disjoint_and_leave_nobody_out(
    shelf: Generations, fresh: TestDatabase
) -> None:
    built = []
    for reader in shelf.begin(shares=3):
        shelf.bring(reader)
        built += asked(fresh, f"select count(*) from {MODELS}.toy_shelf__g2")
    rung = asked(fresh, f"select sum(rung) from {MODELS}.toy_shelf__g2")

    assert 0 < built[0] < built[1] < built[2] == TOYS  # type: ignore[operator]  # they are counts
    assert rung == [2 * TOYS]


def test_what_does_not_depend_on_one_aggregate_each_is_built_by_one(database: Database) -> None:
    shelf = Generations(database, ToyShelf(parks=False))

    assert len(shelf.begin(shares=5)) == 1


def test_a_rollback_brings_the_rows_from_before_and_they_catch_up(
    shelf: Generations, fresh: TestDatabase
) -> None:
    shelf.rebuilt()
    as_admin(fresh, f"update {MODELS}.toy_shelf set note = 77")
    shelf.append("toy-1", labelled("late"))
    shelf.catch_up()
    back = shelf.swap("previous")
    shelf.catch_up()

    assert back.generation == 1
    assert shelf.rows() == shelf.from_scratch()
    assert [one.generation for one in shelf.readers("previous")] == [2]


def test_a_writer_from_before_a_swap_and_a_rollback_writes_nothing_where_it_stood(
    shelf: Generations,
) -> None:
    before = shelf.turn()
    shelf.begin()
    shelf.build()
    shelf.swap()
    shelf.swap("previous")
    rows = shelf.rows()

    assert shelf.readers()[0].last_global_sequence == before.last_global_sequence
    with pytest.raises(FencedError):
        shelf.projector.advance(before)
    assert shelf.rows() == rows


def test_only_one_generation_from_before_is_kept(shelf: Generations, fresh: TestDatabase) -> None:
    shelf.rebuilt()
    shelf.rebuilt()

    assert asked(fresh, TABLES) == ["toy_shelf", "toy_shelf__g2"]
    assert [one.generation for one in shelf.readers("previous")] == [2]
    assert shelf.rows() == shelf.from_scratch()


def test_one_that_is_given_up_leaves_nothing_behind(
    shelf: Generations, fresh: TestDatabase
) -> None:
    shelf.append("toy-2", *rang(UNLUCKY))
    [reader] = shelf.begin()
    shelf.build()
    given_up = generations.give_up(shelf.database, shelf.projection)

    assert given_up
    assert asked(fresh, TABLES) == ["toy_shelf"]
    assert asked(fresh, "select count(*) from fleetlog.parked_events") == [0]
    with pytest.raises(NoReaderError):
        checkpoints.take_over(shelf.database, reader.projection_name, OWNER)


def test_one_that_was_begun_goes_on_and_one_of_other_code_is_begun_anew(
    shelf: Generations,
) -> None:
    shelf.begin()
    shelf.build(until=5)
    [again] = shelf.begin()
    shelf.projection.version = 2  # type: ignore[misc]  # as a new release of its module would
    [anew] = shelf.begin()

    assert (again.generation, again.last_global_sequence) == (2, 5)
    assert (anew.generation, anew.last_global_sequence, anew.version) == (2, 0, 2)


def test_what_each_generation_has_parked_is_its_own_and_goes_with_it(
    shelf: Generations, fresh: TestDatabase
) -> None:
    poison = shelf.append("toy-2", *rang(UNLUCKY))
    shelf.catch_up()
    shelf.projection.superstitious = False
    shelf.begin(shares=2)
    shelf.build()
    before = shelf.parked_events(fresh)
    shelf.swap()
    healed = shelf.parked_events(fresh)
    shelf.swap("previous")

    assert [position for position, _ in before] == [poison]
    assert healed == []
    assert shelf.parked_events(fresh) == before


def test_what_several_builders_have_parked_stays_parked_under_one_reader(
    shelf: Generations, fresh: TestDatabase
) -> None:
    poisons = [shelf.append(f"toy-{n}", *rang(UNLUCKY)) for n in range(6)]
    shelf.rebuilt(shares=3)
    later = shelf.append("toy-3", *rang(1))
    shelf.catch_up()

    assert [position for position, _ in shelf.parked_events(fresh)] == [*poisons, later]


def test_what_is_no_repeatable_fold_is_not_rebuilt(shelf: Generations) -> None:
    shelf.projection.rebuilds = False  # type: ignore[misc]  # as an outbox says of itself

    with pytest.raises(GenerationError, match="toy_shelf is no fold to be repeated"):
        shelf.begin()


def test_there_is_nothing_to_swap_in_unless_it_was_built(shelf: Generations) -> None:
    with pytest.raises(GenerationError, match="no other generation"):
        shelf.swap()
