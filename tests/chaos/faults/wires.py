"""What becomes of the wires to the database and to the broker."""

from random import Random

from tests.chaos.proxy import Mode, Proxy
from tests.chaos.stage import Stage


def cut_database(stage: Stage, random: Random) -> int:
    return cut(stage, stage.servers.database_wire, random)


def cut_broker(stage: Stage, random: Random) -> int:
    return cut(stage, stage.servers.broker_wire, random)


def slow_database(stage: Stage, random: Random) -> int:
    return slow_down(stage, stage.servers.database_wire, random)


def slow_broker(stage: Stage, random: Random) -> int:
    return slow_down(stage, stage.servers.broker_wire, random)


def lose_database(stage: Stage, random: Random) -> int:
    return lose(stage, stage.servers.database_wire, random)


def lose_broker(stage: Stage, random: Random) -> int:
    return lose(stage, stage.servers.broker_wire, random)


def cut(stage: Stage, wire: Proxy, random: Random) -> int:
    """Every connection breaks; new ones are refused for a moment, or at once welcome."""
    there = wire.connections
    wire.turn(Mode.CUT)
    stage.wait(random.choice([0.0, 0.5, 2.0]))
    wire.turn(Mode.PASS)
    return min(1, there)


def slow_down(stage: Stage, wire: Proxy, random: Random) -> int:
    before = wire.delayed
    wire.turn(Mode.DELAY, delay=random.uniform(0.02, 0.2))
    stage.between(random, 2, 5)
    wire.turn(Mode.PASS)
    return min(1, wire.delayed - before)


def lose(stage: Stage, wire: Proxy, random: Random) -> int:
    """Longer than anybody waits for an answer: connections are open, and nothing comes."""
    wire.turn(random.choice([Mode.BLACK_HOLE, Mode.MUTE]))
    stage.between(random, 6, 12)
    unheard = wire.unheard
    wire.turn(Mode.PASS)
    return 0 if stage.over.is_set() else min(1, unheard)
