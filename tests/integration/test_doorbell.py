"""The doorbell, and a fleet that does without it."""

import base64
import json

import pytest

from tests.fleets import TestFleet, connected
from tests.integration.shelves import Shelf, rang
from workers import doorbell, tasks


@pytest.mark.parametrize(("wanted", "rings"), [("yes", True), ("no", False)])
def test_only_a_fleet_that_wants_a_doorbell_hears_one(
    idle: TestFleet,
    wanted: str,
    rings: bool,  # noqa: FBT001 - a case of the table above
) -> None:
    with connected({**idle.environment, "FLEETLOG_DOORBELL": wanted}), idle.client() as redis:
        doorbell.ring({"User"})

        assert bool(redis.llen("projections")) is rings


def test_one_message_wakes_all_that_have_something_to_read_the_quickest_first(
    idle: TestFleet,
) -> None:
    with idle.client() as redis:
        doorbell.ring({"User"})
        doorbell.ring({"User", "Order"})
        (later, first) = (message_in(found) for found in redis.lrange("projections", 0, -1))

    assert first.index("user_directory") < first.index("audit_log")
    assert "order_board" not in first
    assert later[0] == "order_board"
    assert not set(later) & set(first)


def message_in(found: bytes | str) -> list[str]:
    arguments, *_ = json.loads(base64.b64decode(json.loads(found)["body"]))
    return list(arguments[0])


def test_what_stops_one_of_them_stops_none_of_the_rest(declared_shelf: Shelf) -> None:
    declared_shelf.append("a", *rang(1))
    tasks.advance_each(["nobodys", "outbox:gone", declared_shelf.projection.name])

    assert declared_shelf.rows() == declared_shelf.from_scratch()
