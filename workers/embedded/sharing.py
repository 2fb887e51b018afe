"""Who uses the servers of a home: a shared lock each, gone with the process."""

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workers.embedded.flock import open_lock, try_lock, unlock


@dataclass
class Share:
    """This process's share; `holds` counts how often it was asked for."""

    lock: int
    pid: int
    holds: int = 0


_shares: dict[Path, Share] = {}


def join(home: Path) -> None:
    """Count this process among the users of `home`. Only between starting and stopping."""
    share = _shares.get(home)
    if share is not None and share.pid != os.getpid():
        os.close(share.lock)  # our parent's: not ours to unlock
        share = None
    if share is None:
        share = Share(open_lock(home / "users.lock"), os.getpid())
        fcntl.flock(share.lock, fcntl.LOCK_SH)
        _shares[home] = share
    share.holds += 1


def leave(home: Path, *, altogether: bool = False) -> bool:
    """Give up one hold, or all, of what we hold; return whether nobody uses `home` any more."""
    share = _shares[home]
    share.holds = 0 if altogether else share.holds - 1
    if share.holds:
        return False
    del _shares[home]
    last = try_lock(share.lock, fcntl.LOCK_EX)
    unlock(share.lock)
    return last


def held_homes() -> Iterator[Path]:
    """What this process itself has a share in; a forked child begins with nothing."""
    yield from [home for home, share in _shares.items() if share.pid == os.getpid()]
