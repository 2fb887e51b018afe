"""Secrets are never shown; personal fields only where that is wanted."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from domain.users import User, UserCreated
from store.recorded import RecordedEvent
from workers.console.masking import HIDDEN, command_fields, event_fields, state_fields

ADA = {"user_id": "ada", "username": "ada", "email": "ada@example.org"}


def event(
    event_type: str, data: dict[str, Any], version: int = 1, aggregate_type: str = "User"
) -> RecordedEvent:
    encoded = msgspec.json.encode(data).decode()
    now = datetime.now(UTC)
    return RecordedEvent(1, "ada", aggregate_type, event_type, version, 1, now, encoded)


def test_a_secret_is_hidden_even_from_those_who_see_everything_else() -> None:
    recorded = event("UserPasswordChanged", {"password_hash": "$a$b"})

    assert event_fields(recorded, mask=False) == {"password_hash": HIDDEN}


def test_personal_fields_are_hidden_on_demand() -> None:
    recorded = event("UserCreated", ADA, version=2)

    assert event_fields(recorded, mask=False) == ADA
    assert event_fields(recorded, mask=True) == {
        "user_id": "ada",
        "username": HIDDEN,
        "email": HIDDEN,
    }


def test_an_old_event_is_told_in_todays_words() -> None:
    recorded = event("UserCreated", {"user_id": "ada", "email": "ada@example.org"})

    assert event_fields(recorded, mask=False) == ADA


def test_an_event_of_ours_that_no_class_knows_hides_what_it_holds() -> None:
    assert event_fields(event("UserRenamed", {"name": "x"}), mask=False) == {"name": HIDDEN}


def test_other_systems_history_is_plain_data_unless_masked() -> None:
    recorded = event("TicketOpened", {"by": "x"}, aggregate_type="Ticket")

    assert event_fields(recorded, mask=False) == {"by": "x"}
    assert event_fields(recorded, mask=True) == {"by": HIDDEN}


def test_a_commands_marked_fields_are_always_hidden() -> None:
    assert command_fields("CreateUser", ADA) == {
        "user_id": "ada",
        "username": HIDDEN,
        "email": HIDDEN,
    }
    assert command_fields("Nobodys", {"a": 1}) == {"a": HIDDEN}


def test_a_state_is_marked_like_the_fields_it_came_from() -> None:
    user = User("ada").replay([UserCreated(**ADA)])

    assert state_fields(user, mask=False)["email"] == "ada@example.org"
    assert state_fields(user, mask=True) == {
        "exists": True,
        "is_active": True,
        "username": HIDDEN,
        "email": HIDDEN,
    }
