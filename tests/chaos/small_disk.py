"""A disk that is small enough to be filled: a tmpfs, where one may be mounted."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

BLOCK = 64 * 1024


@dataclass(frozen=True)
class SmallDisk:
    """A file system of its own, mounted at `place`."""

    place: Path

    @property
    def ballast(self) -> Path:
        return self.place / "ballast"

    @property
    def free(self) -> int:
        found = os.statvfs(self.place)
        return found.f_bavail * found.f_frsize

    def fill(self) -> int:
        """Write until nothing more goes in; returns how many bytes that took."""
        with self.ballast.open("ab", buffering=0) as file:
            for size in (BLOCK, 1):
                with suppress_full():
                    while file.write(size * b"\0") == size:
                        pass
            return file.tell()

    def make_room(self) -> None:
        self.ballast.unlink(missing_ok=True)


@contextmanager
def suppress_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount one for the length of a block; skips the test where that is not allowed."""
    place.mkdir(mode=0o711)
    options = f"size={megabytes}m,mode=0711"
    try:
        mounted = run("mount", "-t", "tmpfs", "-o", options, "fleetlog", str(place))
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("no disk can be filled: mounting a tmpfs takes rights that we do not have")
    try:
        yield SmallDisk(place)
    finally:
        # Lazily, should a server that we could not stop still have a file open.
        if not run("umount", str(place)):
            run("umount", "--lazy", str(place))
        with suppress(OSError):
            place.rmdir()


def run(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
