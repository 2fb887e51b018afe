"""All that can go wrong in the mixed run; each fault heals itself, or the run's end does."""

from collections.abc import Callable
from enum import Enum, auto
from random import Random
from typing import NamedTuple, TypeAlias

from tests.chaos.faults import commits, crashes, freezes, kills, limits, poison, rebuilds, wires
from tests.chaos.stage import VISIBILITY_SECONDS, Deed, Stage

__all__ = ["FAULTS", "Fault", "Lane"]

# Returns how often it had its effect: none, if nobody was there to be broken.
Inject: TypeAlias = Callable[[Stage, Random], int]


class Lane(Enum):
    """Faults of one lane come one after the other, those of different lanes at once."""

    KILLS = auto()
    FREEZES = auto()
    DATABASE = auto()
    BROKER = auto()
    POISON = auto()
    REBUILDS = auto()


class Fault(NamedTuple):
    """`seconds` is about how long it takes, `yields` how often its deed is done if it bites."""

    lane: Lane
    inject: Inject
    deed: Deed
    seconds: float = 0.0
    yields: int = 1

    @property
    def name(self) -> str:
        return self.inject.__name__.replace("_", " ")


FAULTS = (
    Fault(Lane.KILLS, kills.kill_worker, Deed.KILL),
    Fault(Lane.KILLS, kills.kill_parent, Deed.KILL),
    Fault(Lane.KILLS, kills.kill_child, Deed.KILL),
    Fault(Lane.KILLS, kills.kill_beat, Deed.KILL),
    Fault(Lane.KILLS, kills.kill_relay, Deed.KILL, seconds=3),
    Fault(Lane.FREEZES, freezes.freeze_worker, Deed.LEASE, seconds=4.5),
    Fault(Lane.FREEZES, freezes.freeze_child, Deed.LEASE, seconds=4.5),
    Fault(Lane.FREEZES, freezes.freeze_beat, Deed.LEASE, seconds=4.5),
    Fault(Lane.FREEZES, freezes.freeze_past_visibility, Deed.VISIBILITY, VISIBILITY_SECONDS + 3),
    Fault(Lane.FREEZES, freezes.freeze_in_transaction, Deed.IDLE, seconds=13),
    Fault(Lane.FREEZES, freezes.freeze_writer, Deed.TRANSACTION, seconds=8),
    Fault(Lane.DATABASE, commits.cut_before, Deed.BEFORE, seconds=2, yields=2),
    Fault(Lane.DATABASE, commits.cut_after, Deed.AFTER, seconds=2, yields=2),
    Fault(Lane.DATABASE, wires.cut_database, Deed.CUT, seconds=1),
    Fault(Lane.DATABASE, wires.slow_database, Deed.DELAY, seconds=4),
    Fault(Lane.DATABASE, wires.lose_database, Deed.PARTITION, seconds=9),
    Fault(Lane.DATABASE, crashes.kill_postmaster, Deed.POSTMASTER, seconds=4),
    Fault(Lane.DATABASE, limits.use_up_connections, Deed.CROWD, seconds=4),
    Fault(Lane.DATABASE, limits.hold_a_table, Deed.LOCK, seconds=6),
    Fault(Lane.DATABASE, limits.hold_the_checkpoints, Deed.TIMEOUT, seconds=12),
    Fault(Lane.DATABASE, limits.tighten_timeouts, Deed.TIMEOUT, seconds=3),
    Fault(Lane.DATABASE, limits.cancel_statements, Deed.CANCEL, seconds=2),
    Fault(Lane.DATABASE, limits.terminate_sessions, Deed.CANCEL, seconds=2),
    Fault(Lane.BROKER, wires.cut_broker, Deed.CUT, seconds=1),
    Fault(Lane.BROKER, wires.slow_broker, Deed.DELAY, seconds=4),
    Fault(Lane.BROKER, wires.lose_broker, Deed.PARTITION, seconds=9),
    Fault(Lane.BROKER, crashes.kill_broker, Deed.BROKER_RESTART, seconds=2),
    Fault(Lane.BROKER, crashes.lose_broker_file, Deed.BROKER_LOSS, seconds=2),
    Fault(Lane.BROKER, crashes.flush_broker, Deed.BROKER_LOSS),
    Fault(Lane.POISON, poison.poison, Deed.POISON, seconds=20),
    Fault(Lane.REBUILDS, rebuilds.rebuild, Deed.REBUILD, seconds=8),
    Fault(Lane.REBUILDS, rebuilds.roll_back, Deed.ROLLBACK, seconds=2),
    Fault(Lane.REBUILDS, rebuilds.give_up_rebuild, Deed.GIVEN_UP, seconds=2),
)
