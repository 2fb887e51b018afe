"""A wire in front of a server that can be cut, slowed down, or lose all that is said on it."""

import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from queue import Empty, SimpleQueue
from select import select
from threading import Event, Lock, Thread

from tests.chaos.speech import READY, Speech, refused

HEARD = 10.0
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: a reset instead of a farewell


class Mode(Enum):
    """What becomes of what is said."""

    PASS = auto()
    DELAY = auto()
    """It arrives late, in both directions."""
    CUT = auto()
    """There is no connection, and whoever asks for one is turned away."""
    BLACK_HOLE = auto()
    """Connections are accepted and stay open, but nothing arrives, in either direction."""
    MUTE = auto()
    """The server hears and does what it is told, and nobody hears the server."""


class Trap(Enum):
    """How the connection breaks on which a COMMIT comes along."""

    BEFORE = auto()
    """Before the server has heard of it."""
    AFTER = auto()
    """After the server has done it, before anybody has heard of that."""


class Held:
    """A call that is waited for, and then kept waiting."""

    def __init__(self, words: bytes) -> None:
        self.words = words
        self.speakers: SimpleQueue[int] = SimpleQueue()
        self.let_go = Event()

    def port(self, seconds: float) -> int | None:
        try:
            return self.speakers.get(timeout=seconds)
        except Empty:
            return None


class Proxy:
    """Listens on a port of the loopback interface, and passes bytes on to a Unix socket."""

    def __init__(self, upstream: str, *, hears_commits: bool = False) -> None:
        self.upstream = upstream
        self.hears_commits = hears_commits
        self.delay = 0.0
        self.delayed = 0
        self.sprung: Counter[Trap] = Counter()
        self._mode = Mode.PASS
        self._healed = Event()
        self._waited_for: list[Held] = []
        self._traps: list[Trap] = []
        self._wires: set[Wire] = set()
        self._lock = Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._thread = Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def connections(self) -> int:
        return len(self._wires)

    @property
    def unheard(self) -> int:
        """How many connections are there on which something was said that was lost."""
        with self._lock:
            return sum(wire.lost for wire in self._wires)

    @property
    def mode(self) -> Mode:
        return self._mode

    def turn(self, mode: Mode, *, delay: float = 0.0) -> None:
        """Do this to all that is said from now on; `Mode.PASS` heals."""
        self.delay = delay
        self._mode = mode
        if mode is Mode.PASS:
            self._healed.set()
            self.hang_up(only_broken=True)
        else:
            self._healed.clear()
        if mode is Mode.CUT:
            self.hang_up()

    def hang_up(self, *, only_broken: bool = False) -> None:
        """Break connections: all of them, or those that have lost something on the way."""
        with self._lock:
            broken = [wire for wire in self._wires if wire.lost or not only_broken]
        for wire in broken:
            wire.hang_up()

    def set(self, trap: Trap, times: int = 1) -> None:
        """Let the next commits run into this, one after the other."""
        with self._lock:
            self._traps += [trap] * times

    @contextmanager
    def overhear(self, words: bytes, seconds: float) -> Iterator[int | None]:
        """Lend the port of the next client to make a call with these words; the call waits."""
        held = Held(words)
        with self._lock:
            self._waited_for.append(held)
        try:
            yield held.port(seconds)
        finally:
            with self._lock:
                self._waited_for = [other for other in self._waited_for if other is not held]
            held.let_go.set()

    @property
    def listening(self) -> bool:
        return bool(self._waited_for)

    def told(self, wire: "Wire", statement: bytes) -> None:
        """Have a look at what is called, for those who wait for it."""
        with self._lock:
            heard = [held for held in self._waited_for if held.words in statement]
            self._waited_for = [held for held in self._waited_for if held not in heard]
        for held in heard:
            held.speakers.put(wire.port)
            held.let_go.wait(HEARD)

    @property
    def armed(self) -> bool:
        return bool(self._traps)

    def disarm(self) -> None:
        with self._lock:
            self._traps.clear()

    def next_trap(self) -> Trap | None:
        with self._lock:
            return self._traps.pop(0) if self._traps else None

    def count(self, trap: Trap) -> None:
        with self._lock:
            self.sprung[trap] += 1

    def healed(self) -> None:
        """Return when things go their usual way again."""
        self._healed.wait()

    def forget(self, wire: "Wire") -> None:
        with self._lock:
            self._wires.discard(wire)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self.disarm()
        self.turn(Mode.PASS)
        self.hang_up()
        for wire in list(self._wires):
            wire.join()

    def _accept(self) -> None:
        with suppress(OSError):  # no longer listening
            while True:
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.mode is Mode.CUT:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
                    client.close()
                    continue
                wire = Wire(self, client)
                with self._lock:
                    self._wires.add(wire)
                wire.start()


class Wire(Thread):
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        super().__init__(daemon=True)
        self.lost = False
        self.port: int = client.getpeername()[1]
        self._proxy = proxy
        self._client = client
        self._server = socket.socket(socket.AF_UNIX)
        self._speech = Speech() if proxy.hears_commits else None

    def run(self) -> None:
        with suppress(OSError), self._client, self._server:
            self._server.connect(self._proxy.upstream)
            while self._pass_on():
                pass
        self._proxy.forget(self)

    def hang_up(self) -> None:
        for side in (self._client, self._server):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def _pass_on(self) -> bool:
        """Pass on what either side says next; returns whether there will be more."""
        for speaker in select([self._client, self._server], [], [])[0]:
            said = speaker.recv(1 << 20)
            from_client = speaker is self._client
            if self._is_lost(from_client=from_client):
                self.lost = True
                if not said:  # the other side must not learn of it
                    self._proxy.healed()
            elif self._proxy.mode is Mode.DELAY:
                self._proxy.delayed += 1
                time.sleep(self._proxy.delay)
            if not said:
                return False
            if not self.lost and not self._deliver(said, from_client=from_client):
                return False
        return True

    def _is_lost(self, *, from_client: bool) -> bool:
        mode = self._proxy.mode
        return mode is Mode.BLACK_HOLE or (mode is Mode.MUTE and not from_client)

    def _deliver(self, said: bytes, *, from_client: bool) -> bool:
        if not from_client:
            if self._speech:
                self._speech.hear(said)
            self._client.sendall(said)
            return True
        if self._speech and self._speech.commits(said) and (trap := self._proxy.next_trap()):
            self._spring(trap, said)
            return False
        if self._speech:
            self._proxy.told(self, self._speech.called)
        self._server.sendall(said)
        return True

    def _spring(self, trap: Trap, said: bytes) -> None:
        if trap is Trap.AFTER:
            self._server.settimeout(HEARD)
            self._server.sendall(said)
            answer = b""
            while answer[-6:-1] != READY:
                heard = self._server.recv(1 << 20)
                if not heard:
                    return
                answer += heard
            if refused(answer):
                return
        self._proxy.count(trap)
