"""What became of commands, and whether that can have happened in the order of acceptance."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from domain.event import Event
from store.inbox import CommandState
from store.recorded import RecordedEvent
from tests.toys import Label, Labelled, Rang, Ring, ToyCommand

WAITING = "accepted"
MAX_ATTEMPTS = 2


@dataclass
class InboxModel:
    """Every command and what it was when last seen."""

    commands: dict[UUID, ToyCommand] = field(default_factory=dict)
    standing: dict[UUID, str] = field(default_factory=dict)
    ever_broken: set[str] = field(default_factory=set)
    strangers: int = 0

    def accepted(self, id: UUID, command: ToyCommand) -> None:
        self.commands[id], self.standing[id] = command, WAITING

    def has_become(self, id: UUID, status: str, attempts: int) -> bool:
        """Note what a command is now; returns whether it may be that after what it was."""
        before, self.standing[id] = self.standing[id], status
        if before != WAITING:
            return status == before
        may_park = self.commands[id].toy_id in self.ever_broken and attempts >= MAX_ATTEMPTS
        return status in {WAITING, "done", "rejected"} or (status == "parked" and may_park)


def is_in_order(
    commands: Sequence[tuple[CommandState, ToyCommand]], stream: Sequence[RecordedEvent]
) -> bool:
    """
    Return whether one command after the other, as accepted, leads to just this stream.

    Those done recorded one event each, those refused were refused with good reason by the state
    that the ones before had left; strangers' events, which bear no command id, only ring.
    """
    facts = [(one.metadata.command_id, one.event) for one in stream]
    ours = [(id, event) for id, event in facts if id is not None]
    label, expected = "", []
    for state, command in commands:
        if state.status not in {"done", "rejected"}:
            continue
        event = effect(command, label)
        if (event is None) != (state.status == "rejected"):
            return False
        if event is not None:
            expected.append((str(state.command_id), event))
        if isinstance(event, Labelled):
            label = event.text
    return ours == expected


def effect(command: ToyCommand, label: str) -> Event | None:
    """Return what a toy with this label records, None when it refuses."""
    match command:
        case Ring(note=note):
            return Rang(note=note)
        case Label(text=text):
            return Labelled(text=text) if text != label else None
        case _:
            return None
