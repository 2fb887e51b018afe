"""What a fault finds when it is injected: servers, fleet, a clock, and a tally of what was done."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random
from threading import Event

from tests.chaos.fleet import ChaosFleet
from tests.chaos.servers import ChaosServers

VISIBILITY_SECONDS = 20
LEASE_SECONDS = 3
POISON = "poison-"  # what the ids of toys begin with whose commands must end parked


class Deed(StrEnum):
    """What is counted."""

    KILL = "process kills"
    LEASE = "freezes past the lease"
    VISIBILITY = "freezes past the visibility timeout"
    IDLE = "freezes within a projection's transaction, ended by the server"
    TRANSACTION = "freezes within a writer's transaction, ended by the server"
    BEFORE = "commits cut before the server"
    AFTER = "commits cut after the server"
    PARTITION = "partitions"
    POSTMASTER = "postmaster kills"
    BROKER_LOSS = "broker losses"
    BROKER_RESTART = "broker kills with persistence"
    CUT = "connections cut"
    DELAY = "slow wires"
    CROWD = "connections used up"
    LOCK = "tables held until lock_timeout struck"
    TIMEOUT = "times that statement_timeout was made to strike"
    CANCEL = "waves of cancelled statements and terminated sessions"
    POISON = "poisoned aggregates parked"
    REBUILD = "rebuilds"
    ROLLBACK = "rollbacks"
    GIVEN_UP = "rebuilds given up"
    COMMAND = "commands that were ok, refused or accepted"
    OK = "commands answered with ok"
    MALFORMED = "malformed inputs"


@dataclass
class Stage:
    """One run's own; shared by the lanes that inject at the same time."""

    servers: ChaosServers
    fleet: ChaosFleet
    toy_faults: Path
    tally: Counter[str] = field(default_factory=Counter)
    bitten: Counter[str] = field(default_factory=Counter)
    """How often each fault, by its name, had its effect."""
    losses: list[tuple[int, int]] = field(default_factory=list)
    """From when to when the broker lost what it had, by the monotonic clock in nanoseconds."""
    over: Event = field(default_factory=Event)

    def count(self, name: str, deed: Deed, times: int) -> None:
        """Note the effect that a fault had; one without any was none."""
        self.bitten[name] += times
        self.tally[deed] += times

    @contextmanager
    def losing(self) -> Iterator[None]:
        """Note that the broker loses what it has within this block."""
        began = time.monotonic_ns()
        yield
        self.losses.append((began, time.monotonic_ns()))

    def wait(self, seconds: float) -> None:
        """Let time pass, but not beyond the end of the run."""
        self.over.wait(seconds)

    def between(self, random: Random, least: float, most: float) -> None:
        self.wait(random.uniform(least, most))
