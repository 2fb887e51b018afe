"""A domain for tests, known to their workers only: flasks, some of what is in them poison."""

import os
import time
from pathlib import Path
from typing import TypeAlias, assert_never

from domain.aggregate import Aggregate
from domain.command import Command
from domain.event import Event
from tests.toys import die, fail

# In the environment of a worker:
TASTED = "FLASKS_TASTED"  # a folder, where what is tried is noted, once for each try
STOMACH = "FLASKS_STOMACH"  # a file: while it is there, an unlucky drop disagrees with the board
IGNORED = "FLASKS_IGNORED"  # a type of event that the board need not know
UNLUCKY = 13


class Sipped(Event):
    drop: int


class Sip(Command):
    flask_id: str
    drop: int


class Drink(Command):
    """Poison: `deed` is what it does to whoever tries it."""

    flask_id: str
    deed: str


FlaskCommand: TypeAlias = Sip | Drink


class Flask(Aggregate[Sipped, FlaskCommand], id="flask_id"):
    last: int = 0

    def execute(self, command: FlaskCommand) -> None:
        match command:
            case Sip(drop=drop):
                self.record(Sipped(drop=drop))
            case Drink(deed=deed):
                with Path(os.environ[TASTED], self.id).open("a") as notes:
                    notes.write(f"{deed}\n")
                DEEDS[deed]()
            case _:
                assert_never(command)

    def apply(self, event: Sipped) -> None:
        self.last = event.drop


def never_end() -> None:
    while True:
        time.sleep(0.05)


DEEDS = {"die": die, "fail": fail, "never end": never_end}
