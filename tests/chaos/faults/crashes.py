"""The servers themselves: killed and started again, with what they kept or without."""

from random import Random

from tests.chaos.stage import Stage


def kill_postmaster(stage: Stage, random: Random) -> int:
    stage.servers.kill_postmaster()
    stage.between(random, 0, 1.5)
    stage.servers.start_postgres()
    return 1


def kill_broker(stage: Stage, random: Random) -> int:
    """With its file: what it was told a moment ago it still knows."""
    stage.servers.kill_valkey(forgetting=False)
    stage.between(random, 0, 2)
    stage.servers.start_valkey()
    return 1


def lose_broker_file(stage: Stage, random: Random) -> int:
    with stage.losing():
        stage.servers.kill_valkey(forgetting=True)
        stage.between(random, 0, 2)
        stage.servers.start_valkey()
    return 1


def flush_broker(stage: Stage, _: Random) -> int:
    """Everything gone under running processes: messages, locks, schedule."""
    with stage.losing(), stage.servers.redis() as client:
        had = client.dbsize()
        client.flushall()
    return min(1, had)
