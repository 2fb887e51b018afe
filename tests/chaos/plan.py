"""Which faults a run has, and in which order: drawn from its seed until its goals can be met."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from tests.chaos.faults import FAULTS, Fault, Lane
from tests.chaos.stage import Deed


@dataclass(frozen=True)
class Goals:
    """What a run must have done before it may say that nothing was lost."""

    name: str
    seconds: float
    least: Mapping[Deed, int]
    longest: float
    """Seconds after which a run gives up what it still misses."""
    everything: bool = False
    """Whether each fault there is has its effect at least once."""

    def missed(self, tally: Mapping[Any, int], bitten: Mapping[str, int]) -> list[str]:
        """Return what was not done: deeds by their number, faults that never had an effect."""
        few = [
            f"{deed}: {tally.get(deed, 0)} of {least}"
            for deed, least in self.least.items()
            if tally.get(deed, 0) < least
        ]
        return [*few, *(f"{fault.name}: had no effect" for fault in self.idle(bitten))]

    def idle(self, bitten: Mapping[str, int]) -> list[Fault]:
        """Return the faults that must have an effect yet."""
        return [f for f in FAULTS if self.everything and not bitten.get(f.name, 0)]


MINUTE = Goals(
    "minute",
    45,
    {
        Deed.KILL: 6,
        Deed.LEASE: 2,
        Deed.VISIBILITY: 1,
        Deed.BEFORE: 3,
        Deed.AFTER: 3,
        Deed.PARTITION: 1,
        Deed.POSTMASTER: 1,
        Deed.BROKER_LOSS: 1,
        Deed.REBUILD: 1,
        Deed.COMMAND: 150,
        Deed.OK: 30,
        Deed.MALFORMED: 300,
    },
    longest=150,
)
TEN = Goals(
    "ten",
    440,
    {
        Deed.KILL: 44,
        Deed.LEASE: 12,
        Deed.VISIBILITY: 3,
        Deed.IDLE: 2,
        Deed.TRANSACTION: 2,
        Deed.LOCK: 2,
        Deed.TIMEOUT: 2,
        Deed.BEFORE: 20,
        Deed.AFTER: 20,
        Deed.PARTITION: 4,
        Deed.POSTMASTER: 3,
        Deed.BROKER_LOSS: 3,
        Deed.BROKER_RESTART: 2,
        Deed.POISON: 4,
        Deed.REBUILD: 8,
        Deed.ROLLBACK: 3,
        Deed.GIVEN_UP: 2,
        Deed.COMMAND: 3000,
        Deed.OK: 700,
        Deed.MALFORMED: 10_000,
    },
    longest=520,
    everything=True,
)
LONG = replace(
    TEN,
    name="long",
    seconds=3600,
    longest=7200,
    least={deed: 8 * least for deed, least in TEN.least.items()},
)
GOALS = {goals.name: goals for goals in (MINUTE, TEN, LONG)}


def seeded(*of: object) -> Random:
    """Return a generator whose draws can be had again by whoever knows the same words."""
    return Random(" ".join(map(str, of)))  # noqa: S311 - nothing here is a secret


def plan(goals: Goals, random: Random) -> dict[Lane, list[Fault]]:
    """Draw faults until they can meet the goals; a later seed draws others."""
    drawn: list[Fault] = list(FAULTS) if goals.everything else []
    for deed, least in goals.least.items():
        choice = [fault for fault in FAULTS if fault.deed is deed]
        while choice and sum(fault.yields for fault in drawn if fault.deed is deed) < least:
            drawn.append(random.choice(choice))
    random.shuffle(drawn)
    return {lane: [fault for fault in drawn if fault.lane is lane] for lane in Lane}


def further(
    lane: Lane,
    goals: Goals,
    tally: Mapping[Any, int],
    bitten: Mapping[str, int],
    random: Random,
) -> Fault:
    """Draw one more: what has had no effect yet, what is still missing, or anything of a lane."""
    choice = [fault for fault in FAULTS if fault.lane is lane]
    idle = [fault for fault in goals.idle(bitten) if fault.lane is lane]
    missing = [f for f in choice if tally.get(f.deed, 0) < goals.least.get(f.deed, 0)]
    return random.choice(idle or missing or choice)


def pause(goals: Goals, planned: list[Fault], random: Random) -> float:
    """Return how long to wait before a fault, so that those planned fill the run."""
    room = (goals.seconds - sum(fault.seconds for fault in planned)) / (len(planned) + 1)
    return max(0.3, room) * random.uniform(0.4, 1.2)
