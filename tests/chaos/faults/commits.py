"""The connection breaks on which a COMMIT comes along, before or after the server has done it."""

import time
from random import Random

from tests.chaos.proxy import Trap
from tests.chaos.stage import Stage

AT_ONCE = 4
PATIENCE = 6.0
ANSWER_SECONDS = 0.3  # the last commit may still be on its way


def cut_before(stage: Stage, random: Random) -> int:
    return spring(stage, random, Trap.BEFORE)


def cut_after(stage: Stage, random: Random) -> int:
    return spring(stage, random, Trap.AFTER)


def spring(stage: Stage, random: Random, trap: Trap) -> int:
    """Set some traps and wait until commits have run into them; returns how many have."""
    wire = stage.servers.database_wire
    before = wire.sprung[trap]
    wire.set(trap, random.randint(2, AT_ONCE))
    until = time.monotonic() + PATIENCE
    while wire.armed and time.monotonic() < until and not stage.over.is_set():
        stage.wait(0.02)
    wire.disarm()
    stage.wait(ANSWER_SECONDS)
    return wire.sprung[trap] - before
