"""The doorbell, and a fleet that does without it."""

import pytest

from tests.fleets import TestFleet, connected
from workers import doorbell


@pytest.mark.parametrize(("wanted", "rings"), [("yes", True), ("no", False)])
def test_only_a_fleet_that_wants_a_doorbell_hears_one(
    idle: TestFleet,
    wanted: str,
    rings: bool,  # noqa: FBT001 - a case of the table above
) -> None:
    with connected({**idle.environment, "FLEETLOG_DOORBELL": wanted}), idle.client() as redis:
        doorbell.ring({"User"})

        assert bool(redis.llen("projections")) is rings
