"""Those who use the fleet during a run: clients, a live reader, and somebody who means no good."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from subprocess import TimeoutExpired

from tests.chaos.plan import Goals
from tests.chaos.stage import Deed
from tests.processes import Process

CLIENTS = 3
LONGEST = 1_000_000
PAUSE_MS = 100
FAREWELL_SECONDS = 30.0
ASKING_SECONDS = 180.0
SPREAD = 0.9  # of the run's time, in which everything malformed has been poured in


class Load:
    """Processes that start at once; the reader stays until it is told."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], seed: int, goals: Goals
    ) -> None:
        self.folder = folder
        self._environment = environment
        self.clients = [self._client(f"c{number}", seed + number) for number in range(CLIENTS)]
        self._reader = self._start("reader", "--out", str(self.reader_log))
        self._pourer = self._start(
            "pourer",
            *("--seed", str(seed), "--out", str(self.poured_log)),
            *("--number", str(goals.least.get(Deed.MALFORMED, 0))),
            *("--seconds", str(SPREAD * goals.seconds)),
        )

    @property
    def reader_log(self) -> Path:
        return self.folder / "reader.log"

    @property
    def poured_log(self) -> Path:
        return self.folder / "poured.json"

    def stop_clients(self) -> list[str]:
        """Let everybody end what they are at; returns what went wrong with whom."""
        writing = [*self.clients, self._pourer]
        return farewell(writing)

    def ask_again(self) -> list[str]:
        """Ask once more for all that nobody has heard the end of; returns what went wrong."""
        asking = self._start("asking", "--folder", str(self.folder))
        try:
            status = asking.wait(ASKING_SECONDS)
        except TimeoutExpired:
            return [f"{asking.log.name} did not end within {ASKING_SECONDS:g} s"]
        finally:
            asking.close()
        return [f"{asking.log.name} ended with {status}"] if status else []

    def stop_reader(self) -> list[str]:
        return farewell([self._reader])

    def close(self) -> None:
        for process in (*self.clients, self._reader, self._pourer):
            process.close()

    def _client(self, name: str, seed: int) -> Process:
        out = self.folder / f"{name}.history.jsonl"
        arguments = ("--name", name, "--seed", str(seed), "--out", str(out))
        enough = ("--commands", str(LONGEST), "--pause", str(PAUSE_MS))
        return self._start("clients", *arguments, *enough, log=name)

    def _start(self, module: str, *arguments: str, log: str | None = None) -> Process:
        place = self.folder / f"{log or module}.log.txt"
        return Process(("-m", f"tests.chaos.{module}", *arguments), self._environment, place)


def farewell(processes: list[Process]) -> list[str]:
    """Ask each to end; a process that ended by an error, or does not end, is told."""
    for process in processes:
        if process.is_alive:
            process.terminate()
    return [said for process in processes if (said := last_words(process))]


def last_words(process: Process) -> str | None:
    with suppress(TimeoutExpired):
        status = process.wait(FAREWELL_SECONDS)
        return f"{process.log.name} ended with {status}" if status else None
    process.kill()
    return f"{process.log.name} did not end within {FAREWELL_SECONDS:g} s"
