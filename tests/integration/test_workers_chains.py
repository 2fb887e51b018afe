"""What comes after a command: chains and links go on, whatever becomes of a message."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from celery import chain

from domain.errors import InvalidFieldError
from tests.fleets import TestFleet, connected
from tests.integration.chains import SECONDS, label, notes, ring, rung, sent, settled, state
from tests.polling import eventually
from tests.toys import ToyRefusedError
from workers import command_tasks
from workers.app import app
from workers.fleet import fleet
from workers.relay import relay

NOBODY = "unix:///nobody/listens/here.sock"


@pytest.fixture(autouse=True)
def at_work(worked: TestFleet) -> TestFleet:
    return worked


@pytest.fixture
def broker_down(at_work: TestFleet) -> Iterator[None]:
    """For a client whose broker is gone: it accepts what it is given, and the message is lost."""
    with connected({**at_work.environment, "REDIS_URL": NOBODY}):
        yield


@pytest.mark.parametrize("immutable", [True, False], ids=["si", "s"])
def test_a_chain_goes_on_from_command_to_command(toy: str, *, immutable: bool) -> None:
    steps = [ring(toy, note, immutable=immutable) for note in (1, 2, 3)]
    result = sent(chain(*steps))
    found = result.get(timeout=SECONDS)
    first = result.parent.parent

    assert found["version"] == 3
    assert notes(toy) == [1, 2, 3]
    assert eventually(lambda: settled(first.id))


def test_the_events_of_a_chain_say_what_led_to_them(toy: str) -> None:
    result = sent(chain(ring(toy, 1), ring(toy, 2)))
    result.get(timeout=SECONDS)
    first, second = fleet.store.load_events(toy)

    assert first.metadata.correlation_id == second.metadata.correlation_id == result.parent.id
    assert second.metadata.command_id == result.id


def test_a_chain_ends_where_a_command_is_refused(toy: str) -> None:
    label(toy, "x").apply_async().get(timeout=SECONDS)
    result = sent(chain(label(toy, "x"), ring(toy, 1)))
    with pytest.raises(ToyRefusedError):
        result.parent.get(timeout=SECONDS)

    assert eventually(lambda: settled(result.parent.id))
    assert state(result.id) is None
    assert notes(toy) == []


def test_a_chain_with_a_bad_step_is_refused_as_a_whole(toy: str) -> None:
    bad = command_tasks.TASKS["ring"].si(toy_id=toy, note="la")
    with pytest.raises(InvalidFieldError, match=r"Ring\.note must be"):
        chain(ring(toy, 1), bad).apply_async()

    assert fleet.inbox.head(toy) is None
    assert notes(toy) == []


@pytest.mark.parametrize("immutable", [True, False], ids=["si", "s"])
def test_a_link_is_called_when_a_command_is_done(toy: str, *, immutable: bool) -> None:
    links = [ring(f"{toy}-{n}", n, immutable=immutable) for n in (1, 2)]
    result = ring(toy, 1).apply_async(link=links, link_error=ring(f"{toy}-error", 9))

    assert rung(f"{toy}-1", 1)
    assert rung(f"{toy}-2", 2)
    assert eventually(lambda: settled(result.id))
    assert notes(f"{toy}-error") == []


def test_an_error_link_is_called_when_a_command_is_refused(toy: str) -> None:
    label(toy, "x").apply_async().get(timeout=SECONDS)
    result = label(toy, "x").apply_async(
        link=ring(f"{toy}-link", 1), link_error=ring(f"{toy}-error", 9)
    )

    assert rung(f"{toy}-error", 9)
    assert eventually(lambda: settled(result.id))
    assert notes(f"{toy}-link") == []


def test_a_chain_waits_with_its_parked_command_and_goes_on_when_that_is_retried(
    toy: str, at_work: TestFleet
) -> None:
    (at_work.faults / toy).write_text("fail")
    steps = chain(ring(toy, 1), ring(f"{toy}-next", 2))
    result = sent(steps, link_error=ring(f"{toy}-error", 9))
    told = rung(f"{toy}-error", 9)
    parked = state(result.parent.id)
    (at_work.faults / toy).unlink()
    fleet.inbox.retry([UUID(result.parent.id)])
    command_tasks.wake("Ring", result.parent.id)

    assert told
    assert parked
    assert parked.status == "parked"
    assert rung(f"{toy}-next", 2)
    assert eventually(lambda: settled(result.parent.id))


def test_a_bare_send_task_brings_its_own_links(toy: str) -> None:
    links: Any = [ring(f"{toy}-link", 2)]
    message = app.send_task("Ring", kwargs={"toy_id": toy, "note": 1}, link=links)

    assert rung(f"{toy}-link", 2)
    assert eventually(lambda: settled(message.id))


def test_a_chain_whose_first_message_is_lost_still_goes_on(
    toy: str, at_work: TestFleet, broker_down: None
) -> None:
    result = sent(chain(ring(toy, 1), ring(toy, 2), ring(toy, 3)))
    lost = state(result.parent.parent.id)
    with connected(at_work.environment):
        eventually(lambda: relay() or notes(toy))
        found = result.get(timeout=SECONDS)

        assert notes(toy) == [1, 2, 3]
    assert lost
    assert (lost.status, lost.attempts) == ("accepted", 0)
    assert found["version"] == 3


def test_links_whose_commands_message_is_lost_are_still_called(
    toy: str, at_work: TestFleet, broker_down: None
) -> None:
    result = ring(toy, 1).apply_async(link=ring(f"{toy}-link", 2))
    with connected(at_work.environment):
        eventually(lambda: relay() or notes(toy))

        assert rung(f"{toy}-link", 2)
        assert eventually(lambda: settled(result.id))


def test_a_chain_goes_on_when_its_first_command_was_worked_off_with_another(
    toy: str, at_work: TestFleet, broker_down: None
) -> None:
    """Its inbox was emptied by somebody who knew nothing of the chain; then the relay comes by."""
    result = sent(chain(ring(toy, 1), ring(toy, 2)))
    with connected(at_work.environment):
        behind = ring(toy, 9).apply_async()
        behind.get(timeout=SECONDS)
        first = state(result.parent.id)
        eventually(lambda: relay() or len(notes(toy)) == 3)
        result.get(timeout=SECONDS)

        assert notes(toy) == [1, 9, 2]
        assert eventually(lambda: settled(result.parent.id))
    assert first
    assert first.status == "done"
    assert first.continuation
