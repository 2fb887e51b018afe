"""What clients have written down is read in the order of time, as far as it is written."""

from itertools import pairwise
from pathlib import Path
from uuid import UUID

from tests.chaos.history import ENDING, History, Known, read


def test_the_histories_of_all_clients_are_merged_by_time(tmp_path: Path) -> None:
    histories = [History(tmp_path / f"{name}{ENDING}", name) for name in ("c1", "c2")]
    for number in range(6):
        known = Known(UUID(int=number), "Ring", "toy-1")
        histories[number % 2].note("invoke", known)
        histories[number % 2].note("ok", known, answer={"version": number})
    for history in histories:
        history.close()

    entries = read(tmp_path)

    assert [entry.command_id.int for entry in entries] == [n // 2 for n in range(12)]
    assert [entry.kind for entry in entries] == ["invoke", "ok"] * 6
    assert [entry.client for entry in entries][:4] == ["c1", "c1", "c2", "c2"]
    assert entries[-1].answer == {"version": 5}
    assert all(one.at_ns <= other.at_ns for one, other in pairwise(entries))


def test_a_line_that_its_client_did_not_finish_is_left_out(tmp_path: Path) -> None:
    """A client may be killed, too; what it did not write down, it did not do yet."""
    path = tmp_path / f"c1{ENDING}"
    history = History(path, "c1")
    for number in range(2):
        history.note("invoke", Known(UUID(int=number), "Ring", "toy-1"))
    history.close()
    path.write_bytes(path.read_bytes()[:-7])

    assert [entry.command_id for entry in read(tmp_path)] == [UUID(int=0)]
