"""Commands that kill the process they run in: a few times, then no more; nobody else suffers."""

from functools import partial

import pytest
from celery.result import AsyncResult

from store.inbox import CommandState
from tests.fleets import TestFleet
from tests.integration.inboxes import notes
from tests.polling import eventually
from tests.toys import Ring
from workers.command_tasks import wake
from workers.errors import CommandNotDoneError
from workers.fleet import fleet
from workers.results import command_id_of
from workers.submitting import submit

SECONDS = 30
ATTEMPTS = 2  # counted ones: the first is free


def is_done(id: str) -> bool:
    return state(id).status == "done"


def state(id: object) -> CommandState:
    found = fleet.inbox.find(command_id_of(str(id)))
    assert found
    return found


def test_a_command_that_kills_its_worker_is_parked_with_a_reason_and_the_others_flow(
    worked: TestFleet, toy: str
) -> None:
    deadly = {fault: f"{toy}-{fault}" for fault in ("die", "exit")}
    for fault, name in deadly.items():
        (worked.faults / name).write_text(fault)
    killers = [submit(Ring(toy_id=name, note=1)) for name in deadly.values()]
    others = [submit(Ring(toy_id=f"{toy}-{n}", note=n)) for n in range(20)]
    versions = [result.get(timeout=SECONDS)["version"] for result in others]
    reasons = [parked_for(result) for result in killers]
    attempts = [state(result.id).attempts for result in (*killers, *others)]
    for name in deadly.values():
        (worked.faults / name).unlink()
    for result in killers:
        fleet.inbox.retry([command_id_of(str(result.id))])
        wake("Ring", str(result.id))

    assert versions == 20 * [1]
    assert all("died or was cut off, 2 times in a row" in reason for reason in reasons)
    assert attempts == [*2 * [ATTEMPTS], *20 * [0]]
    for result, name in zip(killers, deadly.values(), strict=True):
        eventually(partial(is_done, result.id), SECONDS)
        assert notes(fleet.store, name) == [1]


def parked_for(result: "AsyncResult[object]") -> str:
    with pytest.raises(CommandNotDoneError) as parked:
        result.get(timeout=SECONDS)
    return parked.value.reason
