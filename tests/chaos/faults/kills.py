"""SIGKILL: a worker with all its pool, the parent or a child alone, a beat, whoever relays."""

import os
import signal
from random import Random

from tests.chaos.fleet import Member, family, owners, send
from tests.chaos.stage import Deed, Stage

RELAY = b"take_overdue"
RELAY_SECONDS = 8.0


def kill_worker(stage: Stage, random: Random) -> None:
    """As if its machine had lost power."""
    killed = send(signal.SIGKILL, list(family(stage.fleet.any_worker(random))))
    stage.count(Deed.KILL, min(1, killed))


def kill_parent(stage: Stage, random: Random) -> None:
    """The pool lives on for a while, and ends what it had begun."""
    kill_process(stage, stage.fleet.any_worker(random))


def kill_child(stage: Stage, random: Random) -> None:
    children = stage.fleet.any_worker(random).children()
    if children:
        stage.count(Deed.KILL, send(signal.SIGKILL, [random.choice(children)]))


def kill_beat(stage: Stage, random: Random) -> None:
    kill_process(stage, stage.fleet.any_beat(random))


def kill_relay(stage: Stage, _: Random) -> None:
    """While it asks which commands are overdue: they are noted as woken, and are not."""
    with stage.servers.database_wire.overhear(RELAY, RELAY_SECONDS) as port:
        killed = send(signal.SIGKILL, [child for _, child in owners(stage.fleet, port)])
    stage.count(Deed.KILL, killed)


def kill_process(stage: Stage, member: Member) -> None:
    if member.process.is_alive:
        os.kill(member.process.pid, signal.SIGKILL)
        stage.count(Deed.KILL)
