"""A domain for tests: a bell that rings, can be labelled, and has faults when a test says so."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, assert_never

from domain.aggregate import Aggregate
from domain.command import Command
from domain.errors import DomainError
from domain.event import Event


class Rang(Event):
    note: int


class Labelled(Event):
    text: str


class Ring(Command):
    toy_id: str
    note: int


class Label(Command):
    toy_id: str
    text: str


class RingAndRefuse(Command):
    """Against all good manners: records first, refuses then."""

    toy_id: str


ToyEvent: TypeAlias = Rang | Labelled
ToyCommand: TypeAlias = Ring | Label | RingAndRefuse


@dataclass(eq=False)
class ToyRefusedError(DomainError):
    toy_id: str

    def __str__(self) -> str:
        return f"toy {self.toy_id} refuses"


class ToyFaultError(Exception):
    """A bug in the domain: no answer of the business."""


class Toy(Aggregate[ToyEvent, ToyCommand], id="toy_id"):
    rung: int = 0
    notes: tuple[int, ...] = ()
    label: str = ""

    def execute(self, command: ToyCommand) -> None:
        misbehave(command)
        match command:
            case Ring(note=note):
                self.record(Rang(note=note))
            case Label(text=text):
                if self.label == text:
                    raise ToyRefusedError(self.id)
                self.record(Labelled(text=text))
            case RingAndRefuse():
                self.record(Rang(note=0))
                raise ToyRefusedError(self.id)
            case _:
                assert_never(command)

    def apply(self, event: ToyEvent) -> None:
        match event:
            case Rang(note=note):
                self.rung += 1
                self.notes = (*self.notes, note)
            case Labelled(text=text):
                self.label = text
            case _:
                assert_never(event)


def fail(_: object = None) -> None:
    raise ToyFaultError("the clapper is loose")


def die(_: object = None) -> None:
    """Take the whole process along, without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


def leave(_: object = None) -> None:
    os._exit(3)


def wait(fault: Path) -> None:
    """Take as long as there is this fault."""
    while fault.exists():
        time.sleep(0.01)


FAULTS: dict[str, Callable[[Path], None]] = {"fail": fail, "die": die, "exit": leave, "wait": wait}
PLACE = "TOY_FAULTS"

# What happens to the commands of one toy in this process, before they are carried out.
hooks: dict[str, Callable[[ToyCommand], object]] = {}


def misbehave(command: ToyCommand) -> None:
    """Have the fault that this process's test, or the folder that PLACE names, wants us to."""
    if command.toy_id in hooks:
        hooks[command.toy_id](command)
    if place := os.environ.get(PLACE):
        fault = Path(place, command.toy_id)
        if fault.exists():
            FAULTS[fault.read_text()](fault)
