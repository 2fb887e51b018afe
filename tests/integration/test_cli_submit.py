"""`fleetlog submit`, one command at a time."""

from uuid import uuid4

import pytest

from tests.fleets import TestFleet
from tests.integration.screens import interrupted, running, told
from tests.polling import eventually
from workers.fleet import fleet

pytestmark = pytest.mark.usefixtures("worked")


@pytest.fixture
def name() -> str:
    return f"ada-{uuid4().hex[:8]}"


def create(name: str, *options: str, email: str = "ada@example.org") -> tuple[str, ...]:
    fields = (f"user_id={name}", "username=ada", f"email={email}")
    return ("submit", "CreateUser", *fields, *options)


def test_a_command_takes_effect_and_says_where(name: str) -> None:
    created = told(*create(name, "--wait"))

    assert created.status == 0
    assert created.out.startswith(f"done: {name} is at version 1, 1 event added in ")
    assert [event.event_type for event in fleet.store.load_events(name)] == ["UserCreated"]


def test_without_waiting_it_says_what_it_accepted(name: str) -> None:
    accepted = told(*create(name))

    assert accepted.status == 0
    assert accepted.out.startswith(f"accepted CreateUser for {name}, command id ")


def test_a_refusal_is_told_with_its_reason(name: str) -> None:
    told(*create(name, "--wait"))
    refused = told(*create(name, "--wait"))

    assert refused.status == 1
    assert refused.err == f"rejected: user {name} exists already\n"


def test_the_same_id_again_is_a_repeat_with_the_first_outcome(name: str) -> None:
    again = create(name, "--wait", "--command-id", str(uuid4()))
    first, second = told(*again), told(*again)

    assert (first.status, second.status) == (0, 0)
    assert "a repeat" in second.out
    assert len(fleet.store.load_events(name)) == 1


def test_the_same_id_for_another_command_is_refused(name: str) -> None:
    id = str(uuid4())
    told(*create(name, "--wait", "--command-id", id))
    refused = told(*create(name, "--command-id", id, email="other@example.org"))

    assert refused.status == 1
    assert refused.err == f"Error: command id {id} was used before, for another command\n"


def test_a_program_gets_one_document(name: str) -> None:
    done = told(*create(name, "--wait", "--json")).json

    assert done["standing"] == "new"
    assert done["status"] == "done"
    assert done["aggregate_id"] == name
    assert done["result"]["version"] == 1


def test_a_program_gets_errors_as_documents_too(name: str) -> None:
    refused = told(*create(name, "--json", email="nonsense"))

    assert refused.status == 1
    assert refused.err == '{"error":"CreateUser.email must look like name@example.org"}\n'


def test_who_asked_and_why_stands_with_the_event(name: str) -> None:
    told(*create(name, "--wait", "--actor", "bob", "--reason", "a test", "--correlation-id", "c"))
    (created,) = fleet.store.load_events(name)

    assert created.metadata.actor == "bob"
    assert created.metadata.reason == "a test"
    assert created.metadata.correlation_id == "c"


def test_without_an_actor_it_is_the_login_at_the_command_line(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "grace")
    told(*create(name, "--wait"))
    (created,) = fleet.store.load_events(name)

    assert created.metadata.actor == "cli:grace"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("CreateUser", "user_id"),
        ("--file", "a", "CreateUser"),
        ("--file", "a", "--json-data", "{}"),
        ("CreateUser", "--command-id", "1"),
    ],
)
def test_wrong_usage_has_a_status_of_its_own(arguments: tuple[str, ...]) -> None:
    assert told("submit", *arguments).status == 2


def test_without_a_worker_it_says_that_the_command_is_kept(idle: TestFleet, name: str) -> None:
    waited = told(*create(name, "--wait", "--timeout", "0.1"))

    assert waited.status == 1
    assert "no outcome after 0.1 s" in waited.err
    assert "is accepted and will take effect" in waited.err
    assert idle.environment["DATABASE_URL"]


def test_ctrl_c_while_waiting_says_that_the_command_is_kept(idle: TestFleet, name: str) -> None:
    id = uuid4()
    arguments = create(name, "--wait", "--command-id", str(id))
    with running(*arguments, environment=idle.environment) as process:
        eventually(lambda: fleet.inbox.find(id), 30)
        stopped = interrupted(process)

    assert stopped.status == 130
    assert stopped.err == (f"Error: interrupted: command {id} is accepted and will take effect\n")
