"""A backlog is no loss: the relay tells the two apart."""

from time import monotonic

from tests.fleets import TestFleet, connected
from tests.integration.inboxes import submission
from tests.polling import eventually
from tests.toys import Ring
from workers.fleet import fleet
from workers.relay import BACKLOG, relay

SECONDS = 0.2
SOON = {"FLEETLOG_RELAY_AFTER_SECONDS": str(SECONDS)}


def test_behind_a_backlog_commands_are_given_time(idle: TestFleet, toy: str) -> None:
    with idle.client() as redis, connected({**idle.environment, **SOON}):
        redis.rpush("commands", *["somebody else's"] * (BACKLOG + 1))
        fleet.inbox.accept([submission(Ring(toy_id=toy, note=1))])
        over = monotonic() + 2 * SECONDS
        eventually(lambda: monotonic() > over)
        behind_a_backlog = relay()
        redis.delete("commands")

        assert behind_a_backlog == 0
        assert relay() == 1
