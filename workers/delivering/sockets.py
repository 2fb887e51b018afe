"""A connection with a time limit over all that happens on it, whatever the other side does."""

import io
import socket
import ssl
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

from workers.delivering.addresses import Place


class Limit:
    """A moment after which nothing is waited for."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self, most: float = float("inf")) -> float:
        """Return the seconds that are left, `most` at most; raises TimeoutError when none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"not done within {self._seconds:g} s")
        return min(left, most)


class LimitedSocket:
    """
    What http.client needs of a socket.

    A socket's own time-out begins anew with every byte, so that one who sends a byte now and
    then is waited for without end; this one's does not.
    """

    def __init__(self, connected: socket.socket, limit: Limit, step: float) -> None:
        self._socket = connected
        self._step = step
        self._readers = 0
        self._closed = False
        self.limit = limit

    def sendall(self, data: Any) -> None:
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(self.limit.left(self._step))
            rest = rest[self._socket.send(rest) :]

    def recv_into(self, buffer: Any) -> int:
        self._socket.settimeout(self.limit.left(self._step))
        return self._socket.recv_into(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        self._readers += 1
        return io.BufferedReader(Reader(self))

    def close(self) -> None:
        """Close once nobody reads: http.client closes before it hands the last answer out."""
        self._closed = True
        if self._readers == 0:
            self._socket.close()

    def reader_closed(self) -> None:
        self._readers -= 1
        if self._closed:
            self.close()


class Reader(io.RawIOBase):
    """The stream that answers are read from."""

    def __init__(self, of: LimitedSocket) -> None:
        self._of = of

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._of.recv_into(buffer)

    def close(self) -> None:
        if not self.closed:
            self._of.reader_closed()
        super().close()


def connected(places: Sequence[Place], limit: Limit, step: float) -> socket.socket:
    """Connect to the first of these addresses that answers, and to no other."""
    failure: OSError = OSError("it has no address")
    for place in places:
        family = socket.AF_INET6 if len(place) > 2 else socket.AF_INET  # noqa: PLR2004 - flow, scope
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.settimeout(limit.left(step))
            made.connect(place)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            made.close()
            failure = error
        else:
            return made
    raise failure


def encrypted(plain: socket.socket, host: str, limit: Limit, step: float) -> socket.socket:
    """Shake hands with `host`, whose certificate must be good for that name."""
    try:
        plain.settimeout(limit.left(step))
        return tls().wrap_socket(plain, server_hostname=host)
    except OSError:
        plain.close()
        raise


@cache
def tls() -> ssl.SSLContext:
    """Return what this machine trusts; reading it takes a while. SSL_CERT_FILE adds to it."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
