"""
A disk that is small enough to be filled: a tmpfs.

Where none may be mounted, a user namespace of our own may have one: that takes no rights.
"""

import errno
import os
import shlex
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
    """Lend one for the length of a block; skips the test where no tmpfs can be had at all."""
    place.mkdir(mode=0o711)
    options = f"size={megabytes}m,mode=0711"
    for kind in (mounted, mounted_in_a_namespace):
        with kind(place, options) as found:
            if found is not None:
                print(f"the disk: {kind.__name__.replace('_', ' ')}, a tmpfs of {megabytes} MB")
                yield SmallDisk(found)
                return
    pytest.skip("no disk can be filled: no tmpfs may be mounted, not in a user namespace either")


@contextmanager
def mounted(place: Path, options: str) -> Iterator[Path | None]:
    """Mount it for everybody, which takes rights."""
    if not run("mount", "-t", "tmpfs", "-o", options, "fleetlog", str(place)):
        yield None
        return
    try:
        yield place
    finally:
        # Lazily, should a server that we could not stop still have a file open.
        if not run("umount", str(place)):
            run("umount", "--lazy", str(place))
        with suppress(OSError):
            place.rmdir()


@contextmanager
def mounted_in_a_namespace(place: Path, options: str) -> Iterator[Path | None]:
    """Mount it where only one process of ours sees it, and look at it through that one's root."""
    there = shlex.quote(str(place))
    script = f"mount -t tmpfs -o {options} fleetlog {there} && echo mounted && exec cat"
    command = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script)
    try:
        holder = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except FileNotFoundError:
        yield None
        return
    with holder:
        assert holder.stdout
        is_there = holder.stdout.readline() == b"mounted\n"
        yield Path(f"/proc/{holder.pid}/root{place}") if is_there else None
        holder.kill()


def run(*command: str) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
