"""The servers themselves: killed and started again, with what they kept or without."""

from random import Random

from tests.chaos.stage import Deed, Stage


def kill_postmaster(stage: Stage, random: Random) -> None:
    stage.servers.kill_postmaster()
    stage.between(random, 0, 1.5)
    stage.servers.start_postgres()
    stage.count(Deed.POSTMASTER)


def kill_broker(stage: Stage, random: Random) -> None:
    """With its file: what it was told a moment ago it still knows."""
    stage.servers.kill_valkey(forgetting=False)
    stage.between(random, 0, 2)
    stage.servers.start_valkey()
    stage.count(Deed.BROKER_RESTART)


def lose_broker_file(stage: Stage, random: Random) -> None:
    stage.servers.kill_valkey(forgetting=True)
    stage.between(random, 0, 2)
    stage.servers.start_valkey()
    stage.count(Deed.BROKER_LOSS)


def flush_broker(stage: Stage, _: Random) -> None:
    """Everything gone under running processes: messages, locks, schedule."""
    with stage.servers.redis() as client:
        client.flushall()
    stage.count(Deed.BROKER_LOSS)
