"""What a fault finds when it is injected: servers, fleet, a clock, and a tally of what was done."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random
from threading import Event

from tests.chaos.fleet import ChaosFleet
from tests.chaos.servers import ChaosServers

VISIBILITY_SECONDS = 20
LEASE_SECONDS = 3


class Deed(StrEnum):
    """What is counted."""

    KILL = "process kills"
    LEASE = "freezes past the lease"
    VISIBILITY = "freezes past the visibility timeout"
    IDLE = "freezes within a transaction"
    BEFORE = "commits cut before the server"
    AFTER = "commits cut after the server"
    PARTITION = "partitions"
    POSTMASTER = "postmaster kills"
    BROKER_LOSS = "broker losses"
    BROKER_RESTART = "broker kills with persistence"
    CUT = "connections cut"
    DELAY = "slow wires"
    CROWD = "connections used up"
    TIMEOUT = "timeouts of the server"
    CANCEL = "statements cancelled, sessions terminated"
    POISON = "poisoned aggregates"
    REBUILD = "rebuilds"
    ROLLBACK = "rollbacks"
    GIVEN_UP = "rebuilds given up"
    COMMAND = "commands"
    MALFORMED = "malformed inputs"


@dataclass
class Stage:
    """One run's own; shared by the lanes that inject at the same time."""

    servers: ChaosServers
    fleet: ChaosFleet
    toy_faults: Path
    tally: Counter[str] = field(default_factory=Counter)
    over: Event = field(default_factory=Event)

    def count(self, deed: Deed, times: int = 1) -> None:
        self.tally[deed] += times

    def wait(self, seconds: float) -> None:
        """Let time pass, but not beyond the end of the run."""
        self.over.wait(seconds)

    def between(self, random: Random, least: float, most: float) -> None:
        self.wait(random.uniform(least, most))
