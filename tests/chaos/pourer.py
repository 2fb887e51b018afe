"""A client that means no good: malformed commands and messages, through every door, all along."""

import argparse
import json
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import msgspec
import psycopg
from kombu.exceptions import EncodeError, OperationalError
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from domain.command import Command
from domain.errors import InvalidFieldError
from store.command_codec import make_command
from store.storable import printable
from tests.chaos.letters import Poured, Pushed, Sent, digest
from tests.chaos.pouring_files import PouredFile
from tests.hostile.generate import Hostile, hostile_commands, seeded
from tests.hostile.lines import hostile_lines
from tests.hostile.messages import hostile_messages
from tests.hostile.odd import as_python, is_json
from workers.app import app
from workers.fleet import fleet
from workers.submitting import submit

AWAY = (psycopg.Error, DBAPIError, OperationalError, RedisError, OSError)
AGAIN_SECONDS = 0.5
WRITE_EVERY = 25


class Pourer:
    """Pours in one after the other and writes down what became of it, as far as it can tell."""

    def __init__(self, seed: int, out: Path) -> None:
        self.out = out
        self.random = seeded(seed)
        self.commands = hostile_commands(self.random)
        self.lines = hostile_lines(self.random)
        self.letters = hostile_messages(self.random)
        self.poured: Counter[str] = Counter()
        self.told = Poured()
        self.stopping = False

    def pour(self, number: int, seconds: float) -> None:
        """Pour so many, spread over so many seconds."""
        doors = {self.submit: 60, self.send_task: 20, self.push: 20, self.by_file: 2}
        began = time.monotonic()
        while (poured := self.poured.total()) < number and not self.stopping:
            if time.monotonic() - began < seconds * poured / number:
                time.sleep(0.05)
                continue
            (door,) = self.random.choices(list(doors), list(doors.values()))
            door()
            if poured // WRITE_EVERY != self.poured.total() // WRITE_EVERY:
                self.write()

    def submit(self) -> None:
        """Refused by us, before anything leaves the process."""
        hostile = next(self.commands)
        try:
            self.until_there(lambda: submit(made(hostile)))
        except InvalidFieldError:
            self.poured["refused by submit"] += 1
        except Exception as error:  # noqa: BLE001 - an answer that names no field is a finding
            self.poured["failed in submit"] += 1
            self.told.found.append(f"submit answered {hostile!r:.300} with {error!r:.300}")
        else:
            if hostile.is_legal:
                self.told.legal += 1  # strange to look at and nothing more: it does not count
            elif not self.stopping:
                self.poured["let in by submit"] += 1
                self.told.found.append(f"submit let in {hostile!r:.300}")

    def send_task(self) -> None:
        """Refused by the worker, to whom a stranger without our code has sent it."""
        hostile = next(h for h in self.commands if is_json(h.fields) and h.kind != "enormous")
        task_id = str(UUID(int=self.random.getrandbits(128), version=4))
        try:
            at_ns = self.until_there(lambda: sent(hostile, task_id))
        except (EncodeError, ValueError, TypeError, RecursionError):
            return  # not even a stranger can say it, so it does not count
        if at_ns is None:
            return
        place = f"{hostile.command_type}.{printable(hostile.field)}"
        self.told.sent.append(Sent(task_id, place, at_ns, hostile.is_legal))
        if hostile.is_legal:
            self.told.legal += 1
        else:
            self.poured["sent as a task"] += 1

    def push(self) -> None:
        """Bytes that Celery would never write, onto the broker's list."""
        letter = next(self.letters)
        at_ns = self.until_there(lambda: fleet.redis.lpush("commands", letter.wire))
        if at_ns is not None:
            self.told.pushed.append(Pushed(letter.task_id, digest(letter.wire), at_ns))
            self.poured["pushed into the broker"] += 1

    def by_file(self) -> None:
        """A few lines that the command line must pass over, each with its reason."""
        file = PouredFile(self.out.with_name("poured.jsonl"), self.lines, self.random)
        while not self.stopping:
            bad = file.submit()
            if bad is not None:
                self.poured["lines of a file"] += bad
                self.told.found += file.found
                return
            time.sleep(AGAIN_SECONDS)

    def until_there(self, act: Callable[[], object]) -> int | None:
        """Try again while the servers are away; returns when the try that did it was begun."""
        while not self.stopping:
            at_ns = time.monotonic_ns()
            try:
                act()
            except AWAY:
                time.sleep(AGAIN_SECONDS)
            else:
                return at_ns
        return None

    def write(self) -> None:
        self.told.poured, self.told.doors = self.poured.total(), dict(self.poured)
        unfinished = self.out.with_suffix(".new")
        unfinished.write_text(json.dumps(msgspec.to_builtins(self.told)))  # half surrogates, too
        unfinished.replace(self.out)


def made(hostile: Hostile) -> Command:
    return make_command(hostile.command_type, as_python(hostile.fields))


def sent(hostile: Hostile, task_id: str) -> object:
    fields = as_python(hostile.fields)
    return app.send_task(hostile.command_type, kwargs=fields, task_id=task_id, queue="commands")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.pourer", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="over which they are spread")
    parser.add_argument("--out", type=Path, required=True, help="what was poured, as JSON")
    arguments = parser.parse_args()
    pourer = Pourer(arguments.seed, arguments.out)

    def stop(*_: object) -> None:
        pourer.stopping = True

    signal.signal(signal.SIGTERM, stop)
    pourer.pour(arguments.number, arguments.seconds)
    pourer.write()
    while not pourer.stopping:  # to be told so while it could still listen
        time.sleep(0.1)


if __name__ == "__main__":
    main()
