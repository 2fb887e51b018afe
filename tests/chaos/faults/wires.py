"""What becomes of the wires to the database and to the broker."""

from random import Random

from tests.chaos.proxy import Mode, Proxy
from tests.chaos.stage import Deed, Stage


def cut_database(stage: Stage, random: Random) -> None:
    cut(stage, stage.servers.database_wire, random)


def cut_broker(stage: Stage, random: Random) -> None:
    cut(stage, stage.servers.broker_wire, random)


def slow_database(stage: Stage, random: Random) -> None:
    slow_down(stage, stage.servers.database_wire, random)


def slow_broker(stage: Stage, random: Random) -> None:
    slow_down(stage, stage.servers.broker_wire, random)


def lose_database(stage: Stage, random: Random) -> None:
    lose(stage, stage.servers.database_wire, random)


def lose_broker(stage: Stage, random: Random) -> None:
    lose(stage, stage.servers.broker_wire, random)


def cut(stage: Stage, wire: Proxy, random: Random) -> None:
    """Every connection breaks; new ones are refused for a moment, or at once welcome."""
    wire.turn(Mode.CUT)
    stage.wait(random.choice([0.0, 0.5, 2.0]))
    wire.turn(Mode.PASS)
    stage.count(Deed.CUT)


def slow_down(stage: Stage, wire: Proxy, random: Random) -> None:
    wire.turn(Mode.DELAY, delay=random.uniform(0.02, 0.2))
    stage.between(random, 2, 5)
    wire.turn(Mode.PASS)
    stage.count(Deed.DELAY)


def lose(stage: Stage, wire: Proxy, random: Random) -> None:
    """Longer than anybody waits for an answer: connections are open, and nothing comes."""
    wire.turn(random.choice([Mode.BLACK_HOLE, Mode.MUTE]))
    stage.between(random, 6, 12)
    wire.turn(Mode.PASS)
    if not stage.over.is_set():
        stage.count(Deed.PARTITION)
