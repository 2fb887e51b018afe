"""A batch of decisions: what is settled, what fails, and what has to wait behind it."""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from domain.aggregate import Aggregate
from domain.command import Command
from domain.orders import Order
from store.codec import Metadata
from store.command_codec import encode_command
from store.deciding import Batch, Decision, Waiting, event_metadata
from tests import toys
from tests.toys import Label, Rang, Ring, RingAndRefuse, Toy


@pytest.fixture(autouse=True)
def no_hooks() -> Iterator[None]:
    yield
    toys.hooks.clear()


def waiting(command: Command, metadata: Metadata | None = None) -> Waiting:
    envelope = msgspec.json.encode(metadata or Metadata()).decode()
    payload = encode_command(command).decode()
    toy_id = vars(command)["toy_id"]
    return Waiting(uuid4(), command.command_type, toy_id, payload, envelope, 0)


def stranger(toy_id: str) -> Waiting:
    return Waiting(uuid4(), "PolishToy", toy_id, "{}", "{}", 0)


def decided(commands: Iterable[Waiting], *aggregates: Aggregate[Any, Any]) -> Batch:
    batch = Batch({aggregate.id: aggregate for aggregate in aggregates})
    for command in commands:
        batch.decide(command)
    return batch


def outcomes(batch: Batch) -> dict[UUID, str]:
    return {d.waiting.command_id: "rejected" if d.error else "done" for d in batch.decisions}


def numbers(decision: Decision) -> list[int]:
    return [decision.first_number + offset for offset, _ in enumerate(decision.events)]


def test_events_are_numbered_through_behind_those_that_the_store_has() -> None:
    old = Toy("a").replay([Rang(note=0), Rang(note=0)])
    commands = [waiting(Ring(toy_id=id, note=1)) for id in ("a", "b", "a", "b")]
    batch = decided(commands, old, Toy("b"))

    assert [numbers(decision) for decision in batch.decisions] == [[3], [1], [4], [2]]
    assert batch.appended_types == {"Toy"}
    assert batch.reusable == [old, batch.aggregates["b"]]


def test_a_refusal_decides_the_next_command_on_the_same_state() -> None:
    commands = [waiting(Label(toy_id="a", text=text)) for text in ("x", "x", "y")]
    batch = decided(commands, Toy("a"))

    assert list(outcomes(batch).values()) == ["done", "rejected", "done"]
    assert [numbers(decision) for decision in batch.decisions] == [[1], [], [2]]
    assert not batch.postponed


def test_what_comes_behind_a_refusal_that_had_recorded_something_waits() -> None:
    commands = [waiting(RingAndRefuse(toy_id="a")), waiting(Ring(toy_id="a", note=1))]
    batch = decided(commands, Toy("a"))

    assert outcomes(batch) == {commands[0].command_id: "rejected"}
    assert batch.decisions[0].events == ()
    assert batch.postponed
    assert batch.reusable == []


@pytest.mark.parametrize("kind", ["bug", "stranger", "unstorable"])
def test_a_failure_closes_its_own_inbox_and_no_other(kind: str) -> None:
    def fail(command: Any) -> None:
        if command == Ring(toy_id="a", note=13):
            toys.fail()

    toys.hooks["a"] = fail
    bad = {
        "bug": waiting(Ring(toy_id="a", note=13)),
        "stranger": stranger("a"),
        "unstorable": waiting(Label(toy_id="a", text="x"))._replace(payload='{"text": "\\u0000"'),
    }[kind]
    before, behind, other = (waiting(Ring(toy_id=id, note=1)) for id in ("a", "a", "b"))
    batch = decided([before, bad, behind, other], Toy("a"), Toy("b"))

    assert outcomes(batch) == {before.command_id: "done", other.command_id: "done"}
    assert [failure.waiting for failure in batch.failures.values()] == [bad]
    assert [aggregate.id for aggregate in batch.reusable] == ["b"]
    assert not batch.postponed


def test_a_payload_accepted_by_other_code_is_left_for_code_that_knows_it() -> None:
    command = waiting(Ring(toy_id="a", note=1))._replace(payload='{"toy_id": "a", "pitch": 440}')
    batch = decided([command], Toy("a"))

    assert batch.decisions == []
    assert str(batch.failures["a"].error) == "Ring.pitch is not a field of this command"


def test_an_id_that_no_stream_has_yet_is_open_to_every_type() -> None:
    pay = waiting(Ring(toy_id="a", note=1))._replace(
        command_type="ProcessPayment", payload='{"order_id": "a", "amount": "1"}'
    )
    batch = decided([pay, waiting(Ring(toy_id="a", note=1))], Order("a"))

    assert list(outcomes(batch).values()) == ["rejected", "done"]


def test_events_say_which_command_caused_them() -> None:
    plain = waiting(Ring(toy_id="a", note=1))
    claimed = waiting(
        Ring(toy_id="a", note=1),
        Metadata(actor="kim", correlation_id="c", causation_id="the one before"),
    )
    own, given = (msgspec.json.decode(event_metadata(w), type=Metadata) for w in (plain, claimed))

    assert own.command_id == own.causation_id == own.correlation_id == str(plain.command_id)
    assert (given.actor, given.correlation_id) == ("kim", "c")
    assert given.command_id == given.causation_id == str(claimed.command_id)
