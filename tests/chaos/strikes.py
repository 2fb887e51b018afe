"""What PostgreSQL's log tells of its limits: which of them struck, and how often."""

import re
from collections import Counter
from enum import StrEnum
from pathlib import Path

# With the SQLSTATE and whose session it was, for what is told here.
PREFIX = "%m [%p] %e %a "


class Strike(StrEnum):
    """What a session of the fleet's was told, or one that wanted to be."""

    LOCK = "lock timeouts of a writer"
    STATEMENT = "statement timeouts"
    TRANSACTION = "transaction timeouts"
    IDLE = "idle-in-transaction timeouts"
    CROWD = "connections refused, as there were too many"
    CANCELLED = "statements cancelled"
    TERMINATED = "sessions terminated"


# The short lock_timeout of a swap is the projector's, and of its own making.
WORDS = {
    Strike.LOCK: rb"55P03 fleetlog writer ERROR:  canceling statement due to lock timeout",
    Strike.STATEMENT: rb"57014 fleetlog \w+ ERROR:  canceling statement due to statement timeout",
    Strike.TRANSACTION: rb"25P04 fleetlog \w+ FATAL:  ",
    Strike.IDLE: rb"25P03 fleetlog \w+ FATAL:  ",
    Strike.CROWD: rb"53300 .*FATAL:  ",
    Strike.CANCELLED: rb"57014 fleetlog \w+ ERROR:  canceling statement due to user request",
    Strike.TERMINATED: rb"57P01 fleetlog \w+ FATAL:  terminating connection due to administrator",
}
KINDS = {strike: re.compile(words) for strike, words in WORDS.items()}


def strikes(log: Path) -> Counter[str]:
    """Count them in a server's log, and in what was set aside of it when it was long."""
    parts = [part for part in (log.with_suffix(".log.old"), log) if part.exists()]
    said = b"".join(part.read_bytes() for part in parts)
    return Counter({strike: len(words.findall(said)) for strike, words in KINDS.items()})
