"""SIGSTOP: as a machine that swaps, or one that is moved; it comes back and knows of nothing."""

import signal
from random import Random

import psutil

from tests.chaos.fleet import Member, family, owners, send
from tests.chaos.stage import LEASE_SECONDS, VISIBILITY_SECONDS, Stage
from tests.chaos.strikes import Strike

# The broker looks every five seconds for messages that nobody acknowledged.
PAST_VISIBILITY = VISIBILITY_SECONDS + 3.0
# A projector's `idle_in_transaction_session_timeout` is ten seconds.
PAST_IDLE = 11.0
CHECKPOINT = b"set last_global_sequence = $1"
# A writer's `transaction_timeout` is five seconds, and so short that it strikes first.
PAST_TRANSACTION = 6.5
SETTLING = b"settle_commands"
OVERHEAR_SECONDS = 8.0


def freeze_worker(stage: Stage, random: Random) -> int:
    return freeze(stage, stage.fleet.any_worker(random), past_lease(random))


def freeze_child(stage: Stage, random: Random) -> int:
    """Its parent goes on receiving, and its sibling working."""
    worker = stage.fleet.any_worker(random)
    return freeze(stage, worker, past_lease(random), only_child=True)


def freeze_beat(stage: Stage, random: Random) -> int:
    """The other beat takes its turn; this one finds out when it wakes."""
    return freeze(stage, random.choice(stage.fleet.beats), past_lease(random))


def freeze_past_visibility(stage: Stage, random: Random) -> int:
    """What it had in hand is given to another meanwhile, and both end it."""
    return freeze(stage, stage.fleet.any_worker(random), PAST_VISIBILITY)


def freeze_in_transaction(stage: Stage, _: Random) -> int:
    """In the middle of a projection's batch, until the server has had enough of waiting."""
    return freeze_speaker(stage, CHECKPOINT, PAST_IDLE, Strike.IDLE)


def freeze_writer(stage: Stage, _: Random) -> int:
    """Between the events and their commit, until the server ends the transaction."""
    return freeze_speaker(stage, SETTLING, PAST_TRANSACTION, Strike.TRANSACTION)


def freeze_speaker(stage: Stage, words: bytes, seconds: float, strike: Strike) -> int:
    """Freeze the child that says these words; has an effect if the server then strikes."""
    before = stage.servers.strikes[strike]
    with stage.servers.database_wire.overhear(words, OVERHEAR_SECONDS) as port:
        found = list(owners(stage.fleet, port))
        send(signal.SIGSTOP, [child for _, child in found])
    for worker, child in found:
        sleep(stage, worker, [child], seconds)
    return min(len(found), stage.servers.strikes[strike] - before)


def past_lease(random: Random) -> float:
    return LEASE_SECONDS + random.uniform(0.5, 2.5)


def freeze(stage: Stage, member: Member, seconds: float, *, only_child: bool = False) -> int:
    frozen = member.children()[:1] if only_child else list(family(member))
    return sleep(stage, member, frozen, seconds)


def sleep(stage: Stage, member: Member, frozen: list[psutil.Process], seconds: float) -> int:
    """Has an effect only if they slept as long as they should, and were not killed meanwhile."""
    stage.fleet.asleep.add(member)
    send(signal.SIGSTOP, frozen)
    try:
        stage.wait(seconds)
    finally:
        woken = send(signal.SIGCONT, frozen)
        stage.fleet.asleep.discard(member)
    return 0 if stage.over.is_set() else min(1, woken)
