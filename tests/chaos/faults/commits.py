"""The connection breaks on which a COMMIT comes along, before or after the server has done it."""

import time
from random import Random

from tests.chaos.proxy import Trap
from tests.chaos.stage import Deed, Stage

AT_ONCE = 4
PATIENCE = 6.0


def cut_before(stage: Stage, random: Random) -> None:
    spring(stage, random, Trap.BEFORE)


def cut_after(stage: Stage, random: Random) -> None:
    spring(stage, random, Trap.AFTER)


def spring(stage: Stage, random: Random, trap: Trap) -> None:
    """Set some traps and wait until commits have run into them."""
    wire = stage.servers.database_wire
    set_ones = random.randint(2, AT_ONCE)
    wire.set(trap, set_ones)
    until = time.monotonic() + PATIENCE
    while wire.armed and time.monotonic() < until and not stage.over.is_set():
        stage.wait(0.02)
    wire.disarm()
    count(stage)


def count(stage: Stage) -> None:
    """Traps are counted where they spring."""
    sprung = stage.servers.database_wire.sprung
    stage.tally[Deed.BEFORE] = sprung[Trap.BEFORE]
    stage.tally[Deed.AFTER] = sprung[Trap.AFTER]
