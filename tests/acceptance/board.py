"""Is the order board what its streams say?"""

from typing import Any

from store.read_models.order_board import OrderBoard, OrderEntry
from tests.acceptance.fleet import Fleet


def folded_board(fleet: Fleet) -> dict[str, OrderEntry | None]:
    """Fold every order's stream from scratch, one event after the other."""
    board: dict[str, OrderEntry | None] = {}
    fold, position = OrderBoard(), 0
    while page := fleet.store.get_all_events(position, 5000):
        for event in page:
            if event.aggregate_type == "Order":
                before = board.get(event.aggregate_id)
                board[event.aggregate_id] = fold.evolve_row(before, event)
        position = page[-1].global_sequence
    return board


def stored_board(fleet: Fleet) -> dict[str, OrderEntry | None]:
    columns = ", ".join(OrderEntry.__struct_fields__)
    rows: list[Any] = fleet.rows(f"select {columns} from order_read_model")
    return {row[0]: OrderEntry(*row) for row in rows}


def stream_numbers(fleet: Fleet) -> set[tuple[Any, ...]]:
    """Streams that are not 1..n, which should be none."""
    return set(
        fleet.rows(
            "select aggregate_id from events group by aggregate_id "
            "having min(sequence_number) <> 1 or max(sequence_number) <> count(*)"
        )
    )
