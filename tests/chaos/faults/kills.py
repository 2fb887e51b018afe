"""SIGKILL: a worker with all its pool, the parent or a child alone, a beat, whoever relays."""

import os
import signal
from random import Random

from tests.chaos.fleet import Member, family, owners, send
from tests.chaos.stage import Stage

RELAY = b"take_overdue"
RELAY_SECONDS = 8.0


def kill_worker(stage: Stage, random: Random) -> int:
    """As if its machine had lost power."""
    return min(1, send(signal.SIGKILL, list(family(stage.fleet.any_worker(random)))))


def kill_parent(stage: Stage, random: Random) -> int:
    """The pool lives on for a while, and ends what it had begun."""
    return kill_process(stage.fleet.any_worker(random))


def kill_child(stage: Stage, random: Random) -> int:
    children = stage.fleet.any_worker(random).children()
    return send(signal.SIGKILL, [random.choice(children)]) if children else 0


def kill_beat(stage: Stage, random: Random) -> int:
    return kill_process(stage.fleet.any_beat(random))


def kill_relay(stage: Stage, _: Random) -> int:
    """While it asks which commands are overdue: they are noted as woken, and are not."""
    with stage.servers.database_wire.overhear(RELAY, RELAY_SECONDS) as port:
        return send(signal.SIGKILL, [child for _, child in owners(stage.fleet, port)])


def kill_process(member: Member) -> int:
    if not member.process.is_alive:
        return 0
    os.kill(member.process.pid, signal.SIGKILL)
    return 1
