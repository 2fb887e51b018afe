"""Six thousand order commands through broker, workers and projections."""

import json
from pathlib import Path

import pytest

from tests.acceptance.board import folded_board, stored_board, stream_numbers
from tests.acceptance.fleet import FLEETLOG, Fleet, write_commands
from tests.acceptance.orders import REAL, order_commands, real_commands
from tests.polling import eventually


def test_the_real_orders_arrive_once_each_although_a_worker_is_killed(fleet: Fleet) -> None:
    if not REAL.exists():
        pytest.skip("the real orders are not beside this checkout")
    expected = len(real_commands())
    fleet.beat()
    victim = fleet.worker("victim")
    fleet.worker("survivor")

    submitting = fleet.start(*FLEETLOG, "submit", "--file", str(REAL), "--wait")
    eventually(lambda: fleet.count("events") > expected // 4, 60)
    victim.kill_family()
    eventually(lambda: not submitting.running, 120)

    assert submitting.stop() == 0, submitting.log.read_text()
    assert fleet.count("events") == expected
    assert fleet.count("commands where status = 'done'") == expected
    eventually(lambda: fleet.lag() == 0)
    assert stored_board(fleet) == folded_board(fleet)
    assert fleet.count("order_read_model") == expected // 3
    assert not stream_numbers(fleet)

    again = fleet.cli("submit", "--file", str(REAL), "--wait", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["repeats"] == expected
    assert fleet.count("events") == expected


def test_commands_finish_within_a_minute_although_the_broker_forgets_everything(
    fleet: Fleet, tmp_path: Path
) -> None:
    commands = order_commands(400)
    path = write_commands(tmp_path / "commands.jsonl", commands)
    submitted = fleet.cli("submit", "--file", str(path))
    assert submitted.returncode == 0, submitted.stderr
    assert fleet.count("commands where status = 'accepted'") == len(commands)

    fleet.redis.flushall()
    fleet.beat()
    fleet.worker("one")

    eventually(lambda: fleet.count("commands where status = 'accepted'") == 0, 60)
    assert fleet.count("commands where status = 'done'") == len(commands)
    eventually(lambda: fleet.lag() == 0)
    assert stored_board(fleet) == folded_board(fleet)


def test_the_broker_forgets_everything_while_workers_are_at_it(
    fleet: Fleet, tmp_path: Path
) -> None:
    commands = order_commands(1000)
    path = write_commands(tmp_path / "commands.jsonl", commands)
    fleet.beat()
    fleet.worker("one")
    fleet.worker("two")

    submitting = fleet.start(*FLEETLOG, "submit", "--file", str(path))
    eventually(lambda: fleet.count("events") > 100, 30)
    fleet.redis.flushall()
    eventually(lambda: not submitting.running, 60)
    eventually(lambda: fleet.count("commands where status = 'done'") == len(commands), 60)

    assert fleet.count("events") == len(commands)
    assert not stream_numbers(fleet)
