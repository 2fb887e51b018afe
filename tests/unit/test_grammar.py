"""The words everything is said in: events, commands, aggregates, upcasters, scenarios."""

from dataclasses import FrozenInstanceError
from typing import TypeAlias

import pytest

from domain.aggregate import Aggregate, aggregate_class, aggregate_for, aggregate_of, aggregates
from domain.command import Command
from domain.errors import DomainError, InvalidFieldError
from domain.event import Event
from domain.message import Mark, Personal, Secret, marked_fields
from domain.testing import Scenario
from domain.upcasting import Data, missing_upcasters, upcast, upcaster, upcasters


class DoorOpened(Event):
    by: Personal[str]


class DoorClosed(Event, name="DoorShut", version=3):
    code: Secret[str] = "0000"
    times: int = 1


class OpenDoor(Command):
    door_id: str
    by: Personal[str]

    def __post_init__(self) -> None:
        self.require(self.by, "by", "must not be empty")


class CloseDoor(Command, name="ShutDoor"):
    door_id: str
    code: Secret[str]


class DoorIsOpenError(DomainError):
    pass


DoorEvent: TypeAlias = DoorOpened | DoorClosed
DoorCommand: TypeAlias = OpenDoor | CloseDoor


class Door(Aggregate[DoorEvent, DoorCommand], id="door_id", name="GrammarDoor"):
    is_open: bool = False
    opened: int = 0

    def execute(self, command: DoorCommand) -> None:
        if isinstance(command, CloseDoor):
            self.record(DoorClosed(code=command.code))
        elif self.is_open:
            raise DoorIsOpenError("the door is open already")
        else:
            self.record(DoorOpened(by=command.by))

    def apply(self, event: DoorEvent) -> None:
        self.is_open = isinstance(event, DoorOpened)
        self.opened += self.is_open


@upcaster(DoorClosed, from_version=2)
def count_once(data: Data) -> Data:
    return {**data, "times": 1}


@upcaster(DoorClosed, from_version=1)
def take_the_usual_code(data: Data) -> Data:
    return {**data, "code": "0000"}


open_door = OpenDoor(door_id="42", by="ada")


def test_a_message_is_known_by_its_own_name_or_by_the_one_it_was_given() -> None:
    assert (DoorOpened.event_type, DoorOpened.schema_version) == ("DoorOpened", 1)
    assert (DoorClosed.event_type, DoorClosed.schema_version) == ("DoorShut", 3)
    assert (OpenDoor.command_type, CloseDoor.command_type) == ("OpenDoor", "ShutDoor")


def test_a_message_cannot_be_changed() -> None:
    event = DoorOpened(by="ada")

    with pytest.raises(FrozenInstanceError):
        event.by = "eve"  # type: ignore[misc]


def test_two_messages_with_the_same_fields_are_equal() -> None:
    assert DoorOpened(by="ada") == DoorOpened(by="ada") != DoorOpened(by="eve")


def test_the_repr_of_a_message_hides_what_is_personal_or_secret() -> None:
    assert repr(DoorClosed(code="1815")) == "DoorClosed(code=***, times=1)"
    assert repr(OpenDoor(door_id="42", by="ada")) == "OpenDoor(door_id='42', by=***)"
    assert f"{CloseDoor(door_id='42', code='1815')}" == "CloseDoor(door_id='42', code=***)"


def test_a_mark_says_how_carefully_a_field_is_handled() -> None:
    assert marked_fields(OpenDoor) == {"by": Mark.PERSONAL}
    assert marked_fields(CloseDoor) == {"code": Mark.SECRET}


def test_a_command_names_the_field_it_was_refused_for() -> None:
    with pytest.raises(InvalidFieldError) as refusal:
        OpenDoor(door_id="42", by="")

    assert str(refusal.value) == "OpenDoor.by must not be empty"


def test_an_aggregate_is_found_by_its_type_its_commands_and_its_events() -> None:
    assert Door in aggregates()
    assert aggregate_class("GrammarDoor") is Door
    assert aggregate_for("OpenDoor") is aggregate_for("ShutDoor") is Door
    assert aggregate_of(DoorOpened) is Door


def test_what_nobody_claims_belongs_to_nobody() -> None:
    class Unclaimed(Event):
        pass

    assert aggregate_class("Door") is None
    assert aggregate_for("CloseDoor") is None
    assert aggregate_of(Unclaimed) is None


def test_the_state_is_what_the_class_declares_and_nothing_else() -> None:
    assert Door.state_types() == {"is_open": bool, "opened": int}


def test_replaying_history_leaves_nothing_to_be_stored() -> None:
    door = Door("42").replay([DoorOpened(by="ada"), DoorClosed(), DoorOpened(by="eve")])

    assert (door.version, door.opened, door.is_open, door.pending) == (3, 2, True, [])


def test_recorded_events_become_history_once_they_are_committed() -> None:
    door = Door("42")
    door.execute(open_door)
    before = (door.version, list(door.pending))
    door.committed()

    assert before == (0, [DoorOpened(by="ada")])
    assert (door.version, door.pending) == (1, [])


def test_an_event_of_another_aggregate_cannot_be_recorded() -> None:
    class WindowOpened(Event):
        pass

    door = Door("42")

    with pytest.raises(TypeError, match="GrammarDoor does not declare WindowOpened"):
        door.record(WindowOpened())  # type: ignore[arg-type]
    assert door.pending == []


def test_an_aggregate_must_say_its_events_and_commands() -> None:
    with pytest.raises(TypeError, match="Vague must say Aggregate"):

        class Vague(Aggregate, id="vague_id"):  # type: ignore[type-arg]
            pass


def test_an_aggregate_type_is_taken_only_once() -> None:
    class RingBell(Command):
        bell_id: str

    with pytest.raises(ValueError, match="aggregate type 'GrammarDoor' is already taken"):

        class Bell(Aggregate[DoorOpened, RingBell], id="bell_id", name="GrammarDoor"):
            pass

    assert aggregate_class("GrammarDoor") is Door
    assert aggregate_for("RingBell") is None


def test_a_command_type_is_answered_by_one_aggregate_only() -> None:
    class Gate(Event):
        pass

    with pytest.raises(ValueError, match="command type 'OpenDoor' is already taken"):

        class Doorway(Aggregate[Gate, OpenDoor], id="door_id"):
            pass

    assert aggregate_class("Doorway") is None
    assert aggregate_of(Gate) is None


def test_every_command_must_carry_the_id_of_its_aggregate() -> None:
    class Knock(Command):
        times: int

    with pytest.raises(TypeError, match="Knock lacks the field 'knocker_id' of Knocker"):

        class Knocker(Aggregate[DoorOpened, Knock], id="knocker_id"):
            pass

    assert aggregate_class("Knocker") is None


def test_an_event_that_two_aggregates_declare_tells_neither() -> None:
    class Painted(Event):
        pass

    class PaintFence(Command):
        fence_id: str

    class PaintShed(Command):
        shed_id: str

    class Fence(Aggregate[Painted, PaintFence], id="fence_id"):
        pass

    alone = aggregate_of(Painted)

    class Shed(Aggregate[Painted, PaintShed], id="shed_id"):
        pass

    assert alone is Fence
    assert aggregate_of(Painted) is None


def test_old_data_climbs_one_version_at_a_time() -> None:
    assert upcast(DoorClosed, 1, {}) == {"code": "0000", "times": 1}
    assert upcast(DoorClosed, 2, {"code": "1815"}) == {"code": "1815", "times": 1}
    assert upcast(DoorClosed, 3, {"code": "1815", "times": 7}) == {"code": "1815", "times": 7}
    assert upcasters(DoorClosed) == [take_the_usual_code, count_once]
    assert missing_upcasters(DoorClosed) == []


def test_a_missing_step_is_named_before_anyone_stumbles_over_it() -> None:
    class Moved(Event, version=4):
        pass

    upcaster(Moved, from_version=2)(lambda data: data)

    assert missing_upcasters(Moved) == [1, 3]
    with pytest.raises(KeyError):
        upcast(Moved, 1, {})


def test_one_version_has_one_way_up() -> None:
    with pytest.raises(ValueError, match="DoorShut has two upcasters from version 1"):
        upcaster(DoorClosed, from_version=1)(count_once)


def test_a_scenario_complains_when_something_else_happened() -> None:
    with pytest.raises(AssertionError, match=r"expected .*DoorClosed.*but recorded .*DoorOpened"):
        Scenario(Door).when(open_door).then(DoorClosed())


def test_a_scenario_complains_when_nothing_was_refused() -> None:
    with pytest.raises(AssertionError, match="was not refused"):
        Scenario(Door).when(open_door).refused(DoorIsOpenError)


def test_a_scenario_complains_when_the_refusal_says_something_else() -> None:
    with pytest.raises(AssertionError, match="refused, but said 'the door is open already'"):
        Scenario(Door).given(DoorOpened(by="ada")).when(open_door).refused(
            DoorIsOpenError, saying="locked"
        )


def test_a_scenario_lets_other_errors_through() -> None:
    with pytest.raises(DoorIsOpenError):
        Scenario(Door).given(DoorOpened(by="ada")).when(open_door).refused(InvalidFieldError)


def test_only_the_last_command_of_a_scenario_is_expected_to_be_refused() -> None:
    Scenario(Door).when(open_door, open_door).refused(DoorIsOpenError, saying="open already")
