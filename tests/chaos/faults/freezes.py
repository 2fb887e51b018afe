"""SIGSTOP: as a machine that swaps, or one that is moved; it comes back and knows of nothing."""

import signal
from random import Random

import psutil

from tests.chaos.fleet import Member, family, owners, send
from tests.chaos.stage import LEASE_SECONDS, VISIBILITY_SECONDS, Deed, Stage

# The broker looks every five seconds for messages that nobody acknowledged.
PAST_VISIBILITY = VISIBILITY_SECONDS + 3.0
# A projector's `idle_in_transaction_session_timeout` is ten seconds.
PAST_IDLE = 11.0
CHECKPOINT = b"set last_global_sequence = $1"
CHECKPOINT_SECONDS = 8.0


def freeze_worker(stage: Stage, random: Random) -> None:
    freeze(stage, stage.fleet.any_worker(random), past_lease(random), Deed.LEASE)


def freeze_child(stage: Stage, random: Random) -> None:
    """Its parent goes on receiving, and its sibling working."""
    worker = stage.fleet.any_worker(random)
    freeze(stage, worker, past_lease(random), Deed.LEASE, only_child=True)


def freeze_beat(stage: Stage, random: Random) -> None:
    """The other beat takes its turn; this one finds out when it wakes."""
    freeze(stage, random.choice(stage.fleet.beats), past_lease(random), Deed.LEASE)


def freeze_past_visibility(stage: Stage, random: Random) -> None:
    """What it had in hand is given to another meanwhile, and both end it."""
    freeze(stage, stage.fleet.any_worker(random), PAST_VISIBILITY, Deed.VISIBILITY)


def freeze_in_transaction(stage: Stage, _: Random) -> None:
    """In the middle of a projection's batch, until the server has had enough of waiting."""
    with stage.servers.database_wire.overhear(CHECKPOINT, CHECKPOINT_SECONDS) as port:
        found = list(owners(stage.fleet, port))
        send(signal.SIGSTOP, [child for _, child in found])
    for worker, child in found:
        sleep(stage, worker, [child], PAST_IDLE, Deed.IDLE)


def past_lease(random: Random) -> float:
    return LEASE_SECONDS + random.uniform(0.5, 2.5)


def freeze(
    stage: Stage, member: Member, seconds: float, deed: Deed, *, only_child: bool = False
) -> None:
    frozen = member.children()[:1] if only_child else list(family(member))
    sleep(stage, member, frozen, seconds, deed)


def sleep(
    stage: Stage, member: Member, frozen: list[psutil.Process], seconds: float, deed: Deed
) -> None:
    """Counts only if they slept as long as they should, and were not killed in their sleep."""
    stage.fleet.asleep.add(member)
    send(signal.SIGSTOP, frozen)
    try:
        stage.wait(seconds)
    finally:
        woken = send(signal.SIGCONT, frozen)
        stage.fleet.asleep.discard(member)
    if woken and not stage.over.is_set():
        stage.count(deed)
