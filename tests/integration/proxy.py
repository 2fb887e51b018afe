"""A wire between the store and PostgreSQL that can be cut at the worst of moments."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from pathlib import Path
from select import select
from tempfile import TemporaryDirectory
from threading import Thread
from urllib.parse import parse_qs, urlsplit

# How the protocol of PostgreSQL ends a call with parameters: Execute, Sync. See "Message Formats".
CALL = b"E\x00\x00\x00\x09\x00\x00\x00\x00\x00" + b"S\x00\x00\x00\x04"
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
READY = b"Z\x00\x00\x00\x05"  # what was asked is done; one more byte tells of the transaction


class Trap(Enum):
    """How the connection breaks on which a call, or a COMMIT, comes along."""

    LOSE_REQUEST = auto()
    """Before the server has heard of it."""
    LOSE_REPLY = auto()
    """After the server has done it, before anybody has heard of that."""
    HANG_UP = auto()
    """While the server is at work on it."""


class Proxy:
    """Passes bytes on between a Unix socket of its own and the server's."""

    def __init__(self, upstream: str, directory: Path) -> None:
        place = {key: values[0] for key, values in parse_qs(urlsplit(upstream).query).items()}
        name = f".s.PGSQL.{place['port']}"
        self.server = str(Path(place["host"]) / name)
        self.url = upstream.replace(place["host"], str(directory))
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(directory / name))
        self.listener.listen()
        self.traps: list[Trap] = []
        self.wires: list[Wire] = []
        self.thread = Thread(target=self.accept)
        self.thread.start()

    def set(self, *traps: Trap) -> None:
        """Let the next calls run into these, one after the other; later ones pass undisturbed."""
        self.traps = list(traps)

    def accept(self) -> None:
        with suppress(OSError):  # no longer listening
            while True:
                client, _ = self.listener.accept()
                self.wires.append(Wire(self, client))

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        for wire in self.wires:
            wire.close()


class Wire:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        self.proxy = proxy
        self.client = client
        self.server = socket.socket(socket.AF_UNIX)
        self.server.connect(proxy.server)
        self.thread = Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        with suppress(OSError), self.client, self.server:
            while self.pass_on():
                pass

    def pass_on(self) -> bool:
        """Pass on what either side says next; returns whether there will be more."""
        for speaker in select([self.client, self.server], [], [])[0]:
            said = speaker.recv(1 << 20)
            if speaker is self.client and self.proxy.traps and said.endswith((CALL, COMMIT)):
                self.spring(self.proxy.traps.pop(0), said)
                return False
            listener = self.server if speaker is self.client else self.client
            listener.sendall(said)
            if not said:
                return False
        return True

    def spring(self, trap: Trap, said: bytes) -> None:
        if trap is not Trap.LOSE_REQUEST:
            self.server.sendall(said)
        if trap is Trap.LOSE_REPLY:
            answer = b""
            while answer[-6:-1] != READY:
                answer += self.server.recv(1 << 20)

    def close(self) -> None:
        with suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.thread.join()


@contextmanager
def proxy(upstream: str) -> Iterator[Proxy]:
    """Lend a wire to the server that `upstream` leads to."""
    with TemporaryDirectory(prefix="fleetlog-wire-") as directory:
        made = Proxy(upstream, Path(directory))
        try:
            yield made
        finally:
            made.close()
