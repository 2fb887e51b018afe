"""A domain for tests: a box that keeps whatever JSON there is."""

from typing import Any

from domain.aggregate import Aggregate
from domain.command import Command
from domain.event import Event


class WasPut(Event):
    thing: Any


class Put(Command):
    box_id: str
    thing: Any


class Box(Aggregate[WasPut, Put], id="box_id"):
    things: tuple[Any, ...] = ()

    def execute(self, command: Put) -> None:
        self.record(WasPut(thing=command.thing))

    def apply(self, event: WasPut) -> None:
        self.things = (*self.things, event.thing)
