"""What can be asked: history, commands, projections, status."""

import re
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest

from domain.orders import PaymentProcessed
from domain.users import UserCreated, UserEmailChanged, UserPasswordChanged
from store.codec import Metadata, RawEvent
from store.event_store import Expected
from store.projection import projections
from store.read_model_tables import prepare
from tests.fleets import TestFleet
from tests.integration.screens import Told, told
from tests.toys import Rang
from workers.fleet import fleet
from workers.projecting import advance

ALLOWED = re.compile(r"! .* \(FLEETLOG_ALLOW_UNSAFE allows it: \w+\)$")
HASH = "$argon2id$v=19$secret"
HALT = "update fleetlog.projection_checkpoints set status = 'halted', error = 'a reason'"


@pytest.fixture
def ada(idle: TestFleet) -> str:
    """A user with three events, in a fleet without workers."""
    prepare(fleet.database, projections())
    events = (
        UserCreated(user_id="ada", username="lovelace", email="ada@example.org"),
        UserEmailChanged(new_email="ada@example.net"),
        UserPasswordChanged(password_hash=HASH),
    )
    for event in events:
        fleet.store.append_events("ada", Expected.ANY, [event], metadata=Metadata(actor="me"))
    assert idle.home.exists()
    return "ada"


def table(answer: Told) -> list[list[str]]:
    """Return the words of every line."""
    return [line.split() for line in answer.out.splitlines()]


def test_a_history_tells_every_event_and_the_state(ada: str) -> None:
    history = told("history", ada)

    assert history.status == 0
    assert history.out.startswith("User ada\n")
    assert [line[4] for line in table(history)[2:5]] == [
        "UserCreated",
        "UserEmailChanged",
        "UserPasswordChanged",
    ]
    assert ["email", "ada@example.net"] in table(history)


def test_a_secret_never_shows_and_personal_data_only_unmasked(ada: str) -> None:
    for options in ((), ("--json",)):
        plain, masked = told("history", ada, *options), told("history", ada, "--mask", *options)

        assert HASH not in plain.out
        assert HASH not in masked.out
        assert "lovelace" in plain.out
        assert "lovelace" not in masked.out


def test_a_state_is_told_as_it_was_at_a_version(ada: str) -> None:
    then = told("history", ada, "--version", "1")

    assert ["email", "ada@example.org"] in table(then)
    assert "2 events since then" in then.out


def test_a_state_is_told_as_it_was_at_a_time(ada: str) -> None:
    second = fleet.store.load_events(ada)[1].timestamp
    then = told("history", ada, "--at", second.isoformat(), "--json").json
    before = told("history", ada, "--at", (second - timedelta(days=1)).isoformat())

    assert (then["version"], then["state"]["email"]) == (2, "ada@example.net")
    assert before.status == 1
    assert "'ada' was not there at" in before.err


def test_a_version_that_is_not_there_yet_is_told(ada: str) -> None:
    refused = told("history", ada, "--version", "4")

    assert refused.status == 1
    assert refused.err == "Error: 'ada' is at version 3, there is no version 4\n"


def test_a_long_history_may_be_cut_at_its_beginning(ada: str) -> None:
    last = told("history", ada, "--limit", "1")

    assert "UserCreated" not in last.out
    assert "2 earlier events" in last.out
    assert len(told("history", ada, "--limit", "1", "--json").json["events"]) == 1


@pytest.mark.usefixtures("ada")
def test_what_nothing_ever_happened_to_is_told() -> None:
    unknown = told("history", "nobody")

    assert unknown.status == 1
    assert unknown.err == "Error: nothing ever happened to 'nobody': no such aggregate\n"


@pytest.mark.usefixtures("ada")
def test_other_systems_history_is_plain_data_without_a_state() -> None:
    opened = RawEvent(event_type="Opened", data={"by": "\x1b[31mx", "n": 1})
    fleet.store.append_events("ticket 1", Expected.ANY, [opened], aggregate_type="Ticket")
    history = told("history", "ticket 1")

    assert history.status == 0
    assert "n=1  by=\\x1b[31mx" in history.out
    assert "no class claims Ticket" in history.out
    assert told("history", "ticket 1", "--json").json["state"] is None


def test_an_event_that_no_class_knows_leaves_the_state_untold(ada: str) -> None:
    strange = RawEvent(event_type="UserVanished", data={"where": "away"})
    fleet.store.append_events(ada, Expected.ANY, [strange], aggregate_type="User")
    history = told("history", ada)

    assert history.status == 1
    assert "where=***" in history.out
    assert "the state cannot be told: no class here knows User event 'UserVanished'" in history.err


@pytest.mark.usefixtures("ada")
def test_commands_that_are_not_done_are_listed_with_hidden_fields() -> None:
    told("submit", "CreateUser", "user_id=bob", "username=robert", "email=bob@example.org")
    listed = told("commands")

    assert listed.status == 0
    assert "1 accepted" in listed.out
    assert "user_id=bob  username=***  email=***" in listed.out


@pytest.mark.usefixtures("ada")
def test_commands_are_found_by_what_they_are() -> None:
    for id in ("bob", "eve"):
        told("submit", "CreateUser", f"user_id={id}", "username=x", "email=x@example.org")
    told("submit", "ReactivateUser", "user_id=bob")

    def found(*options: str) -> list[str]:
        commands = told("commands", "--json", *options).json["commands"]
        return [f"{one['command_type']} {one['aggregate_id']}" for one in commands]

    assert found() == ["ReactivateUser bob", "CreateUser eve", "CreateUser bob"]
    assert found("--limit", "1") == ["ReactivateUser bob"]
    assert found("--aggregate", "eve") == ["CreateUser eve"]
    assert found("--type", "ReactivateUser") == ["ReactivateUser bob"]
    assert found("--status", "parked") == []


@pytest.mark.usefixtures("ada")
def test_one_command_is_told_with_all_there_is() -> None:
    id = str(uuid4())
    told("submit", "ReactivateUser", "user_id=bob", "--command-id", id, "--reason", "a test")

    assert told("commands", id, "--json").json["metadata"]["reason"] == "a test"
    assert ["status", "accepted"] in table(told("commands", id))
    assert told("commands", str(uuid4())).status == 1


@pytest.mark.usefixtures("ada")
def test_a_lag_counts_only_the_events_that_a_projection_reads() -> None:
    lags = {one["name"]: one["lag"] for one in told("projections", "--json").json}
    advance("user_directory")
    fleet.store.append_events("t", Expected.ANY, [Rang(note=1)])
    behind = {one["name"]: one for one in told("projections", "--json").json}

    assert lags["user_directory"] == 3
    assert lags["order_board"] == 0
    assert behind["user_directory"]["lag"] == 0
    assert behind["user_directory"]["seconds_behind"] == 0


@pytest.mark.usefixtures("ada")
def test_projections_tell_what_a_person_should_look_at() -> None:
    fleet.store.append_events("1", Expected.ANY, [PaymentProcessed(amount=Decimal(1))])
    advance("order_board")
    shown = told("projections")

    assert "projection order_board has parked 1 stream" in shown.err


@pytest.mark.usefixtures("worked")
def test_a_healthy_fleet_has_the_status_0() -> None:
    health = told("status")

    assert health.status == 0, health.err
    assert [line for line in health.err.splitlines() if not ALLOWED.match(line)] == []
    assert [mark for mark, *_ in table(health)] == ["✓"] * len(table(health))
    assert told("status", "--json").json["ok"] is True


@pytest.mark.usefixtures("ada")
def test_a_fleet_without_workers_is_not_well() -> None:
    told("submit", "ReactivateUser", "user_id=ada")
    health = told("status")
    found = told("status", "--json").json

    assert health.status == 1
    assert "✗ no worker answers; start one with: fleetlog up" in health.err
    assert "1 accepted   the oldest waits for" in health.out
    assert found["commands"] == {"done": 0, "accepted": 1}
    assert found["queues"]["commands"] == 1


@pytest.mark.usefixtures("ada")
def test_a_halted_projection_is_told_by_the_status(idle: TestFleet) -> None:
    with psycopg.connect(idle.database.admin_url, autocommit=True) as connection:
        connection.execute(f"{HALT} where projection_name = 'order_board'".encode())
    health = told("status")

    assert health.status == 1
    assert "projection order_board is halted: a reason" in health.err
