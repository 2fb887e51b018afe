"""A rebuild takes the projection's turn: no writer from before it folds into the new tables."""

import pytest

from store.engine import Database
from store.errors import FencedError
from store.read_model_tables import restart
from tests.integration.shelves import OWNER, Shelf, rang
from tests.toy_shelf import ToyShelf


@pytest.mark.parametrize("come_back_to", [0, 2])
def test_a_writer_from_before_a_rebuild_writes_nothing_even_at_the_place_it_stood(
    database: Database, come_back_to: int
) -> None:
    shelf = Shelf(database, ToyShelf(), batch_size=1)
    shelf.append("a", *rang(1, 2, 3))
    before = shelf.turn()
    while before.last_global_sequence < come_back_to:
        before = shelf.projector.advance(before).checkpoint

    rebuilding = restart(database, shelf.projection, OWNER)
    while rebuilding.last_global_sequence < come_back_to:
        rebuilding = shelf.projector.advance(rebuilding).checkpoint
    rows = shelf.rows()

    with pytest.raises(FencedError):
        shelf.projector.advance(before)
    assert shelf.rows() == rows
    assert shelf.position == come_back_to
