"""The fleet's processes, and a supervisor that starts again whatever ends, as Kubernetes would."""

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import psutil

from tests.processes import Process

CELERY = ("-m", "celery", "-A", "workers.app")
WORKERS = ("one", "two", "three")
BEATS = ("first", "second")
READY = {"worker": " ready.", "beat": "beat v"}
READY_SECONDS = 120.0
LOOK_SECONDS = 0.2
ORPHANS_LIVE = 30.0  # what a killed parent leaves behind may end its work, and is cleared away


def command_line(kind: str, name: str, *, plain: bool = False) -> tuple[str, ...]:
    if kind == "worker":
        return (*CELERY, "worker", "-n", f"{name}@%h", "--without-mingle", "--without-gossip")
    scheduler = "celery.beat:Scheduler" if plain else "workers.beat:Scheduler"
    return (*CELERY, "beat", "-S", scheduler, "--pidfile=")


@dataclass(eq=False)
class Member:
    """One place in the fleet, whichever process fills it just now."""

    kind: str
    name: str
    log: Path
    process: Process

    def parent(self) -> psutil.Process | None:
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid)
        return None

    def children(self) -> list[psutil.Process]:
        """Return the processes of its pool that are alive."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []


class ChaosFleet:
    """
    Workers and beats, started and started again until `stop`.

    With `plain_beat` the second one is Celery's own, which knows of no other: both send all ticks.
    """

    def __init__(
        self, home: Path, environment: Mapping[str, str], *, plain_beat: bool = False
    ) -> None:
        self.home = home
        self.plain = {BEATS[1]} if plain_beat else set()
        self.environment = environment
        self.restarts: Counter[str] = Counter()
        self.asleep: set[Member] = set()
        self.members = [
            *(self._member("worker", name) for name in WORKERS),
            *(self._member("beat", name) for name in BEATS),
        ]
        self._orphans: list[tuple[float, Process]] = []
        self._stopping = Event()
        self._supervisor = Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    @property
    def workers(self) -> list[Member]:
        return [member for member in self.members if member.kind == "worker"]

    @property
    def beats(self) -> list[Member]:
        return [member for member in self.members if member.kind == "beat"]

    def wait_until_ready(self) -> None:
        for member in self.members:
            member.process.wait_for(READY[member.kind], READY_SECONDS)

    def any_worker(self, random: random.Random) -> Member:
        """Return one that is awake: who is killed in its sleep shows nothing new."""
        return random.choice([worker for worker in self.workers if worker not in self.asleep])

    def any_beat(self, random: random.Random) -> Member:
        return random.choice([beat for beat in self.beats if beat not in self.asleep])

    def resume_all(self) -> None:
        """Let whatever is frozen go on."""
        for member in self.members:
            member.process.resume()

    def stop_beats(self) -> None:
        """End the beats for good; nothing is sent any more that nobody asked for."""
        self._stop(self.beats)

    def stop_plain_beat(self) -> None:
        """End the one that doubles every tick, so that there is a moment without any."""
        self._stop([beat for beat in self.beats if beat.name in self.plain])

    def _stop(self, beats: Sequence[Member]) -> None:
        self.members = [member for member in self.members if member not in beats]
        for beat in beats:
            beat.process.terminate()
        for beat in beats:
            with suppress(Exception):
                beat.process.wait(15)
            beat.process.close()

    def stop(self) -> None:
        self._stopping.set()
        self._supervisor.join()
        for process in [m.process for m in self.members] + [p for _, p in self._orphans]:
            process.close()

    def _member(self, kind: str, name: str) -> Member:
        log = self.home / f"{kind}-{name}.log"
        return Member(kind, name, log, self._started(kind, name, log))

    def _started(self, kind: str, name: str, log: Path) -> Process:
        return Process(command_line(kind, name, plain=name in self.plain), self.environment, log)

    def _supervise(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            for member in list(self.members):
                if not member.process.is_alive and member in self.members:
                    self._replace(member)
            self._clear_orphans(time.monotonic() - ORPHANS_LIVE)

    def _replace(self, member: Member) -> None:
        status = member.process.wait(0)
        how = "was killed" if status == -signal.SIGKILL else f"ended by itself, with {status}"
        self.restarts[f"{member.kind} that {how}"] += 1
        self._orphans.append((time.monotonic(), member.process))
        member.process = self._started(member.kind, member.name, member.log)

    def _clear_orphans(self, before: float) -> None:
        for since, process in self._orphans:
            if since < before:
                process.close()
        self._orphans = [(since, p) for since, p in self._orphans if since >= before]


def send(number: signal.Signals, processes: Sequence[psutil.Process]) -> int:
    """Signal each that is still there; returns how many were."""
    sent = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
            sent += 1
    return sent


def family(member: Member) -> Iterator[psutil.Process]:
    """Yield a member's own process, then its pool."""
    parent = member.parent()
    if parent:
        yield parent
        yield from member.children()


def owners(fleet: ChaosFleet, port: int | None) -> Iterator[tuple[Member, psutil.Process]]:
    """Yield the child at the other end of a wire, if it is one of a pool, and whose it is."""
    for worker in fleet.workers:
        for child in worker.children():
            with suppress(psutil.NoSuchProcess):
                if port in {connection.laddr.port for connection in child.net_connections("tcp")}:
                    yield worker, child
