"""Locks on files: they vanish with the process that holds them, so a count is never stale."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

POLL_SECONDS = 0.01


def open_lock(path: Path) -> int:
    """Open a lock file; programs started from here do not inherit it unless told to."""
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def try_lock(lock: int, kind: int) -> bool:
    """Take the lock, or change its kind, without waiting; a refused change loses the old lock."""
    with suppress(BlockingIOError):
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
        return True
    return False


def unlock(lock: int) -> None:
    """Give the lock up at once, though a forked child may still have the file open."""
    fcntl.flock(lock, fcntl.LOCK_UN)
    os.close(lock)


@contextmanager
def locked(path: Path, *, seconds: float) -> Iterator[None]:
    """Be alone in here; `TimeoutError` when somebody else is for too long."""
    lock = open_lock(path)
    try:
        if not wait_until(lambda: try_lock(lock, fcntl.LOCK_EX), seconds=seconds):
            raise TimeoutError(f"{path} is locked by another process for {seconds:.0f} s")
        yield
    finally:
        unlock(lock)


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Ask again and again; return whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
