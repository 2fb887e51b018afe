"""Poison commands on real workers: tried a few times, then parked, and all others flow."""

from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest

from store.codec import Metadata
from store.deciding import DECISION_SECONDS
from store.errors import TooSlowError
from store.inbox import CommandState, Submission
from tests.fleets import DOMAIN, TestFleet, a_fleet, connected
from tests.integration.flasks import TASTED, Drink, FlaskCommand, Sip
from tests.integration.lent import lent
from tests.polling import eventually
from workers.embedded import Servers
from workers.fleet import fleet
from workers.relay import relay
from workers.submitting import submit, submit_many

SECONDS = 120
ATTEMPTS = 4  # counted ones
BEHIND = 60
# Whoever was about to try when the first death was noticed tries once, uncounted: usually both of
# the children, a few more when messages race. It must not be one for each message behind.
MOST_TRIES = 20
SETTINGS = {
    "FLEETLOG_DOMAIN": f"{DOMAIN},tests.integration.flasks",
    "FLEETLOG_COMMAND_ATTEMPTS": str(ATTEMPTS),
    "FLEETLOG_RELAY_AFTER_SECONDS": "0.5",
    "FLEETLOG_TASK_TIME_LIMIT_SECONDS": "2",
}
DIED = f"the worker handling it died or was cut off, {ATTEMPTS} times in a row"
REASONS = {
    "die": {DIED},
    # Whichever comes first on a busy machine: the task's limit or the decision's own.
    "never end": {DIED, str(TooSlowError(DECISION_SECONDS))},
    "fail": {"the clapper is loose"},
}


@pytest.fixture(scope="module")
def poisonable(running: Servers) -> Iterator[TestFleet]:
    """A fleet with a worker whose tasks are cut off after two seconds."""
    with lent(running) as database, a_fleet(database, **SETTINGS) as made:
        tasted = made.home / "tasted"
        tasted.mkdir()
        with made.worker(**{TASTED: str(tasted)}):
            yield made


@pytest.fixture
def at_work(poisonable: TestFleet) -> Iterator[TestFleet]:
    with connected(poisonable.environment):
        yield poisonable


def alone(commands: list[FlaskCommand]) -> list[UUID]:
    """Submit them one by one, each with a message of its own."""
    return [UUID(str(submit(command).id)) for command in commands]


def together(commands: list[FlaskCommand]) -> list[UUID]:
    """Submit them at once: they are rung for, and worked off, by the hundred."""
    accepted = submit_many(
        Submission(command_id=uuid4(), command=command, metadata=Metadata()) for command in commands
    )
    return [one.command_id for one in accepted]


def state(id: UUID) -> CommandState:
    found = fleet.inbox.find(id)
    assert found
    return found


def settled(ids: list[UUID]) -> bool:
    """Whether none of them waits any more; what was lost with a worker is woken, as by a beat."""
    relay()
    return not any(state(id).is_open for id in ids)


def drops(flask: str) -> list[int]:
    return [event.payload["drop"] for event in fleet.store.load_events(flask)]


@pytest.mark.parametrize("deed", REASONS)
@pytest.mark.parametrize("send", [alone, together], ids=lambda send: send.__name__)
def test_poison_is_parked_after_a_bounded_number_of_tries_and_all_others_flow(
    at_work: TestFleet, deed: str, send: Callable[[list[FlaskCommand]], list[UUID]]
) -> None:
    poisoned, others = f"flask-{uuid4().hex}", [f"flask-{uuid4().hex}" for _ in range(20)]
    around = [Sip(flask_id=flask, drop=drop) for drop in (1, 2) for flask in others]
    before, poison, *behind = send(
        [
            Sip(flask_id=poisoned, drop=1),
            Drink(flask_id=poisoned, deed=deed),
            *around[: len(around) // 2],
            *(Sip(flask_id=poisoned, drop=drop) for drop in range(2, BEHIND + 2)),
            *around[len(around) // 2 :],
        ]
    )
    eventually(lambda: settled([before, poison, *behind]), SECONDS)
    parked, tries = state(poison), (at_work.home / "tasted" / poisoned).read_text().splitlines()

    assert (parked.status, parked.attempts) == ("parked", ATTEMPTS)
    assert parked.error
    assert parked.error["message"] in REASONS[deed]
    assert tries[:1] == [deed]
    assert len(tries) <= MOST_TRIES
    assert {state(id).status for id in (before, *behind)} == {"done"}
    assert drops(poisoned) == list(range(1, BEHIND + 2))
    assert all(drops(flask) == [1, 2] for flask in others)


def test_others_do_not_wait_until_the_poison_is_parked(at_work: TestFleet) -> None:
    poisoned, other = f"flask-{uuid4().hex}", f"flask-{uuid4().hex}"
    (poison,) = alone([Drink(flask_id=poisoned, deed="never end")])
    tasted = at_work.home / "tasted" / poisoned
    eventually(tasted.exists, SECONDS)
    (flowing,) = alone([Sip(flask_id=other, drop=1)])
    eventually(lambda: state(flowing).status == "done", SECONDS)
    meanwhile = state(poison).status
    eventually(lambda: settled([poison]), SECONDS)

    assert meanwhile == "accepted"
    assert state(poison).status == "parked"
