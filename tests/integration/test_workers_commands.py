"""Commands on their way through Celery: every door leads to the same inbox and the same answer."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from celery import chord, group, states
from celery.result import AsyncResult

from domain.command import Command
from domain.errors import InvalidFieldError
from domain.users import CreateUser, UserAlreadyExistsError
from store.errors import CommandIdReusedError
from store.inbox import CommandState
from tests.fleets import TestFleet
from tests.polling import eventually
from tests.toys import Label, Ring, ToyRefusedError
from workers import command_tasks
from workers.app import app
from workers.command_tasks import create_user
from workers.errors import CommandNotDoneError, UnsupportedOptionError
from workers.fleet import fleet
from workers.results import command_id_of
from workers.submitting import submit

SECONDS = 20


@pytest.fixture(autouse=True)
def at_work(worked: TestFleet) -> TestFleet:
    return worked


def answer(result: "AsyncResult[dict[str, object]]") -> dict[str, object]:
    return result.get(timeout=SECONDS)


def row(result: "AsyncResult[object]") -> CommandState:
    state = fleet.inbox.find(command_id_of(str(result.id)))
    assert state is not None
    return state


def task(command: type[Command]) -> command_tasks.CommandTask:
    """Return the task of a toy's command: tasks come from the registry, not from an edit."""
    return command_tasks.TASKS_BY_NAME[command.command_type]


def by_delay(command: Command) -> "AsyncResult[dict[str, object]]":
    return task(type(command)).delay(**vars(command))


def by_submit(command: Command) -> "AsyncResult[dict[str, object]]":
    return submit(command)


def by_name(command: Command) -> "AsyncResult[dict[str, object]]":
    """As a service would that has nothing of ours but the broker's address."""
    return app.send_task(command.command_type, kwargs=vars(command))


Door = Callable[[Command], "AsyncResult[dict[str, object]]"]
DOORS: tuple[Door, ...] = (by_delay, by_submit, by_name)
every_door = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)


@every_door
def test_every_door_leads_to_the_same_answer(toy: str, door: Door) -> None:
    found = answer(door(Ring(toy_id=toy, note=1)))
    events = fleet.store.load_events(toy)

    assert found == {
        "aggregate_id": toy,
        "version": 1,
        "position": events[0].global_sequence,
        "events": 1,
    }
    assert [event.payload for event in events] == [{"note": 1}]


@every_door
def test_a_refusal_is_raised_in_its_own_class_with_what_it_says(toy: str, door: Door) -> None:
    answer(door(Label(toy_id=toy, text="x")))
    again = door(Label(toy_id=toy, text="x"))
    with pytest.raises(ToyRefusedError) as refused:
        answer(again)

    assert refused.value.toy_id == toy
    assert (again.state, row(again).status) == (states.FAILURE, "rejected")


@every_door
def test_the_task_id_is_the_command_id(toy: str, door: Door) -> None:
    result = door(Ring(toy_id=toy, note=1))
    answer(result)
    (event,) = fleet.store.load_events(toy)

    assert event.metadata.command_id == result.id
    assert row(result).command_id == UUID(str(result.id))


def test_a_task_is_called_by_its_commands_name_in_either_case(toy: str) -> None:
    result = create_user.delay(user_id=toy, username="kim", email="kim@example.org")
    with pytest.raises(UserAlreadyExistsError, match=toy):
        answer(result) and answer(submit(CreateUser(user_id=toy, username="k", email="k@b.org")))

    assert create_user is app.tasks["CreateUser"]
    with pytest.raises(ImportError, match="fly_away"):
        from workers.command_tasks import fly_away  # noqa: F401, PLC0415 - it is not there


def test_a_repeat_is_answered_with_the_first_result(toy: str) -> None:
    id = str(uuid4())
    results = [task(Ring).apply_async(kwargs={"toy_id": toy, "note": 1}, task_id=id)]
    first = answer(results[0])
    results.append(submit(Ring(toy_id=toy, note=1), command_id=UUID(id)))
    results.append(app.send_task("Ring", kwargs={"toy_id": toy, "note": 1}, task_id=id))

    assert [answer(result) for result in results] == 3 * [first]
    assert len(fleet.store.load_events(toy)) == 1


def test_an_id_that_named_another_command_is_refused(toy: str) -> None:
    id = uuid4()
    answer(submit(Ring(toy_id=toy, note=1), command_id=id))
    with pytest.raises(CommandIdReusedError):
        submit(Ring(toy_id=toy, note=2), command_id=id)
    with pytest.raises(CommandIdReusedError):
        task(Ring).apply_async(kwargs={"toy_id": toy, "note": 2}, task_id=str(id))

    assert len(fleet.store.load_events(toy)) == 1


def test_a_task_id_that_is_no_uuid_stands_for_one(toy: str) -> None:
    results = [
        task(Ring).apply_async(kwargs={"toy_id": toy, "note": 1}, task_id=f"{toy} no. 1")
        for _ in range(2)
    ]

    assert [answer(result)["version"] for result in results] == [1, 1]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"user_id": "a", "username": "kim"}, "CreateUser.email is missing"),
        ({"user_id": "a", "username": "kim", "email": "kim"}, "CreateUser.email must look like"),
        ({"user_id": "a", "username": 7, "email": "k@b.org"}, "CreateUser.username must be"),
        (
            {"user_id": "a", "username": "kim", "email": "k@b.org", "age": 7},
            "CreateUser.age is not a field",
        ),
    ],
    ids=["missing", "malformed", "wrong_type", "unknown"],
)
def test_a_bad_field_is_refused_by_its_name_at_every_door(
    fields: dict[str, object], said: str
) -> None:
    id = str(uuid4())
    with pytest.raises(InvalidFieldError) as at_once:
        create_user.apply_async(kwargs=fields, task_id=id)
    never_accepted = fleet.inbox.find(UUID(id))
    sent = app.send_task("CreateUser", kwargs=fields, task_id=id)
    with pytest.raises(InvalidFieldError) as on_arrival:
        answer(sent)

    assert str(at_once.value).startswith(said)
    assert str(on_arrival.value) == str(at_once.value)
    assert never_accepted is None
    assert (sent.state, row(sent).status) == (states.FAILURE, "rejected")


CLAIMS = {"actor": "kim", "reason": "they asked", "correlation_id": "c", "causation_id": "e"}


def test_a_bare_send_task_that_gives_fields_by_position_is_refused(toy: str) -> None:
    sent = app.send_task("Ring", args=[toy, 1])
    with pytest.raises(InvalidFieldError, match=r"Ring.\w+ is missing"):
        answer(sent)

    assert row(sent).status == "rejected"


def test_a_command_is_sent_with_who_asked_and_why(toy: str) -> None:
    answer(task(Ring).apply_async(kwargs={"toy_id": toy, "note": 1}, headers=CLAIMS))
    answer(app.send_task("Ring", kwargs={"toy_id": toy, "note": 2}, headers=CLAIMS))
    answer(submit(Ring(toy_id=toy, note=3), **CLAIMS))  # type: ignore[arg-type]
    found = [event.metadata for event in fleet.store.load_events(toy)]

    assert [(m.actor, m.reason) for m in found] == 3 * [("kim", "they asked")]
    assert found[0].correlation_id == found[2].correlation_id == "c"


def test_a_bare_send_task_brings_its_correlation_id(toy: str) -> None:
    answer(app.send_task("Ring", kwargs={"toy_id": toy, "note": 1}, headers=CLAIMS))
    (event,) = fleet.store.load_events(toy)

    assert event.metadata.correlation_id == "c"


@pytest.mark.parametrize("option", ["countdown", "eta", "expires"])
def test_a_command_cannot_be_put_off(toy: str, option: str) -> None:
    with pytest.raises(UnsupportedOptionError, match=f"{option} does not go with a command"):
        task(Ring).apply_async(None, {"toy_id": toy, "note": 1}, **dict.fromkeys([option], 60))  # type: ignore[arg-type]

    assert fleet.inbox.head(toy) is None


def test_fields_are_given_by_name(toy: str) -> None:
    with pytest.raises(TypeError, match=r"Ring takes its fields by name"):
        task(Ring).delay(toy, 1)

    assert fleet.inbox.head(toy) is None


def test_a_chord_is_refused_with_a_reason(toy: str) -> None:
    ring = task(Ring)
    header = [ring.si(toy_id=toy, note=note) for note in (1, 2)]

    with pytest.raises(NotImplementedError, match="use a chain, or a group"):
        chord(header)(ring.si(toy_id=toy, note=3))


def test_a_group_answers_with_all_its_results(toy: str) -> None:
    ring = task(Ring)
    results = group(ring.s(toy_id=f"{toy}-{n}", note=n) for n in range(3)).apply_async()

    assert [found["aggregate_id"] for found in results.get(timeout=SECONDS)] == [
        f"{toy}-{n}" for n in range(3)
    ]


def test_a_command_that_failed_too_often_is_a_failure_with_its_reason(
    toy: str, at_work: TestFleet
) -> None:
    (at_work.faults / toy).write_text("fail")
    result = by_submit(Ring(toy_id=toy, note=1))
    with pytest.raises(
        CommandNotDoneError, match=f"command {result.id} is parked: the clapper is loose"
    ):
        answer(result)
    parked = row(result)
    (at_work.faults / toy).unlink()
    fleet.inbox.retry([parked.command_id])
    command_tasks.wake("Ring", str(result.id))

    assert (parked.status, parked.attempts) == ("parked", 2)
    assert eventually(lambda: row(result).status == "done")


def test_a_cancelled_command_is_revoked(toy: str, at_work: TestFleet) -> None:
    (at_work.faults / toy).write_text("fail")
    result = by_submit(Ring(toy_id=toy, note=1))
    in_time = fleet.inbox.set_aside(row(result).command_id, "cancelled", {"message": "no more"})
    with pytest.raises(CommandNotDoneError, match="is cancelled: no more"):
        answer(result)

    assert in_time
    assert str(result.state) == states.REVOKED
    assert fleet.store.load_events(toy) == []
