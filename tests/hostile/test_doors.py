"""Enough of them, at every door: what the other tests of this folder send, counted again."""

from tests.hostile import test_cli_file, test_events, test_raw_broker, test_send_task, test_submit
from tests.hostile.doors import BROKER, EVENTS, FILE, INPUTS, SEND_TASK, SUBMIT

ENOUGH = 10_000
LEGAL_AT_MOST = 0.2  # what only looks strange


def malformed() -> dict[str, int]:
    """Return how many inputs of each door are wrong, not only strange."""
    submitted = test_submit.drawn(1, test_submit.ONE_BY_ONE)
    submitted += test_submit.untyped(2, test_submit.TYPED)
    lines = test_cli_file.drawn(4, INPUTS[FILE] - test_cli_file.STOPS)
    appended = test_events.drawn(6, test_events.ALONE)
    letters = test_raw_broker.drawn()  # Celery's first protocol is old, and no fault by itself
    return {
        SUBMIT: sum(not one.is_legal for one in submitted) + test_submit.TOGETHER,
        FILE: sum(not line.is_legal for line in lines) + test_cli_file.STOPS,
        EVENTS: sum(not one.is_legal for one in appended) + test_events.IN_BATCHES,
        SEND_TASK: sum(not one.is_legal for one in test_send_task.drawn())
        + test_send_task.UNKNOWN_NAMES,
        BROKER: sum(letter.kind != "first_protocol" for letter in letters),
    }


def test_the_doors_together_see_more_than_ten_thousand_malformed_inputs() -> None:
    found = malformed()

    assert found.keys() == INPUTS.keys()
    assert sum(found.values()) >= ENOUGH
    for door, number in found.items():
        examples = test_submit.EXAMPLES if door == SUBMIT else 0  # counted by hypothesis' own test
        assert number > (INPUTS[door] - examples) * (1 - LEGAL_AT_MOST), door


def test_the_same_seed_draws_the_same_inputs() -> None:
    lines = [test_cli_file.drawn(12, 300) for _ in range(2)]

    assert [line.text for line in lines[0]] == [line.text for line in lines[1]]
    assert test_submit.drawn(12, 300) == test_submit.drawn(12, 300)
    assert test_raw_broker.drawn() == test_raw_broker.drawn()
