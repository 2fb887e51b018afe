"""
What the kernel was told of the sockets of a process.

Named in FLEETLOG_DOMAIN, it has a worker write down its own when it is ready to consume.
"""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from celery.signals import worker_ready

PLACE = "SOCKET_OPTIONS"
LOOKED_AT = {
    "SO_KEEPALIVE": socket.SOL_SOCKET,
    "TCP_KEEPIDLE": socket.IPPROTO_TCP,
    "TCP_KEEPINTVL": socket.IPPROTO_TCP,
    "TCP_KEEPCNT": socket.IPPROTO_TCP,
    "TCP_USER_TIMEOUT": socket.IPPROTO_TCP,
}


def options(file: int) -> dict[str, int]:
    """Return what is set on the socket of this descriptor, by the names that the kernel has."""
    with socket.socket(fileno=os.dup(file)) as found:
        return {
            name: found.getsockopt(level, getattr(socket, name))
            for name, level in LOOKED_AT.items()
        }


def connected_to(port: int) -> Iterator[int]:
    """Yield the descriptors of this process that are connected to a port."""
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError), socket.socket(fileno=os.dup(int(entry.name))) as found:
            if found.family == socket.AF_INET and found.getpeername()[1] == port:
                yield int(entry.name)


@worker_ready.connect
def write_down(**_: object) -> None:
    """Write down the options of every connection to the broker, as the parent has them."""
    if place := os.environ.get(PLACE):
        port = int(os.environ["REDIS_URL"].rpartition(":")[2].partition("/")[0])
        found = [options(file) for file in list(connected_to(port))]
        Path(place).with_suffix(".new").write_text(json.dumps(found))
        Path(place).with_suffix(".new").rename(place)
