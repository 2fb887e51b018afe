"""Partitions: several readers share a projection's aggregates, each with its own checkpoint."""

from collections.abc import Iterator

import pytest

from store import projection as declarations
from store.engine import Database
from store.errors import DomainSetupError, NoReaderError
from store.projection import Order
from store.retrying_parked import retry_parked
from tests.conftest import TestDatabase
from tests.fleets import TestFleet
from tests.integration.generations import Generations, asked
from tests.integration.shelves import OWNER, labelled, rang
from tests.toy_shelf import UNLUCKY, ToyShelf
from workers.fleet import fleet
from workers.projecting import advance, to_advance

TOYS = 30
PARKED = """
select global_sequence from fleetlog.parked_events where projection_name not like '%@%' order by 1
"""
SHARES = ["toy_shelf/0", "toy_shelf/1", "toy_shelf/2"]


def split_shelf() -> ToyShelf:
    """Return the shelf of toys, which three readers fill together."""
    made = ToyShelf()
    made.partitions = 3  # type: ignore[misc]  # one class for all of the tests
    return made


@pytest.fixture
def shelf(database: Database) -> Generations:
    made = Generations(database, split_shelf())
    for number in range(TOYS):
        made.append(f"toy-{number}", *rang(1, 2))
    return made


def test_each_partition_folds_its_own_aggregates_and_together_they_fold_all(
    shelf: Generations,
) -> None:
    folded = []
    for reader in shelf.readers():
        before = len(shelf.rows())
        shelf.bring(reader)
        folded.append(len(shelf.rows()) - before)

    assert [one.projection_name for one in shelf.readers()] == SHARES
    assert all(folded)
    assert shelf.rows() == shelf.from_scratch()


def test_a_partition_that_stands_still_does_not_keep_the_others(shelf: Generations) -> None:
    standing, *others = shelf.readers()
    for reader in others:
        shelf.bring(reader)
    positions = [one.last_global_sequence for one in shelf.readers()]

    assert positions == [0, 2 * TOYS, 2 * TOYS]
    assert standing.epoch == shelf.readers()[0].epoch == 0


@pytest.mark.parametrize(("partitions", "names"), [(1, ["toy_shelf"]), (2, SHARES[:2])])
def test_a_rebuild_changes_their_number_and_keeps_what_is_parked(
    shelf: Generations, fresh: TestDatabase, partitions: int, names: list[str]
) -> None:
    poisons = [shelf.append(f"toy-{n}", *rang(UNLUCKY)) for n in range(6)]
    for reader in shelf.readers():
        shelf.bring(reader)
    shelf.projection.partitions = partitions  # type: ignore[misc]  # as a new release would
    shelf.begin(shares=4)
    shelf.build()
    shelf.swap()
    later = shelf.append("toy-3", labelled("x"))
    for reader in shelf.readers():
        shelf.bring(reader)
    shelf.projection.superstitious = False
    parked = asked(fresh, PARKED)
    retry_parked(shelf.projector, OWNER)

    assert [one.projection_name for one in shelf.readers()] == names
    assert parked == sorted([*poisons, later])
    assert asked(fresh, PARKED) == []
    assert shelf.rows() == shelf.from_scratch()


def test_a_rebuild_beside_goes_on_with_as_many(shelf: Generations) -> None:
    for reader in shelf.readers():
        shelf.bring(reader)
    shelf.begin()
    shelf.build()
    shelf.swap()

    assert [(one.projection_name, one.generation) for one in shelf.readers()] == [
        (name, 2) for name in SHARES
    ]
    assert shelf.rows() == shelf.from_scratch()


@pytest.fixture
def declared(idle: TestFleet) -> Iterator[Generations]:
    """The same shelf, known to this process and on the servers that it is connected to."""
    made = Generations(fleet.database, split_shelf())
    declarations._projections["toy_shelf"] = made.projection  # noqa: SLF001
    yield made
    del declarations._projections["toy_shelf"]  # noqa: SLF001


def test_the_fleet_is_told_of_all_its_readers_by_its_one_name(declared: Generations) -> None:
    for number in range(TOYS):
        declared.append(f"toy-{number}", *rang(1))
    told = to_advance("toy_shelf")
    for reader in told:
        advance(reader)

    assert told == SHARES
    assert declared.rows() == declared.from_scratch()
    with pytest.raises(NoReaderError):
        advance("toy_shelf")


def test_what_two_readers_would_write_together_is_not_split() -> None:
    counting = split_shelf()
    counting.order = Order.COMMUTES  # type: ignore[misc]  # as above

    with pytest.raises(DomainSetupError, match="cannot be split into partitions"):
        declarations.check_partitions(counting)
