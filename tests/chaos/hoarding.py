"""
A fault for toys: a command that takes all the memory it can get.

Named in FLEETLOG_DOMAIN after `tests.toys`, it adds itself to their faults when it is imported.
"""

import resource
import time
from pathlib import Path

import psutil

from tests.toys import FAULTS

PIECE = 64 * 1024 * 1024
ALLOWANCE = 256 * 1024 * 1024
LONGEST = 60.0


def hoard(fault: Path) -> None:
    """Take memory, piece by piece and for good, until somebody ends us."""
    taken: list[bytes] = []
    give_up = time.monotonic() + LONGEST
    while fault.exists() and time.monotonic() < give_up:
        if sum(map(len, taken)) < 2 * ALLOWANCE:  # enough to be noticed by; the machine lives on
            taken.append(b"\1" * PIECE)
        time.sleep(0.01)


def hoard_within_limits(fault: Path) -> None:
    """The same where the system gives no more than so much, and Python has to cope."""
    unlimited = resource.getrlimit(resource.RLIMIT_AS)
    here = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (here + ALLOWANCE, unlimited[1]))
    try:
        hoard(fault)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, unlimited)


FAULTS.update(hoard=hoard, limit=hoard_within_limits)
