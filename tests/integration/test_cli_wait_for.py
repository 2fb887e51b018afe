"""`fleetlog submit --wait-for`: back at the prompt when the read model shows it."""

import json
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.engine import Role
from store.read_models.user_directory import UserRow
from tests.fleets import TestFleet
from tests.integration.directory import DIRECTORY, row
from tests.integration.screens import told
from tests.integration.still import standing_still
from workers.fleet import fleet

SHOWN = ("--wait-for", DIRECTORY)


def create(name: str, *options: str) -> tuple[str, ...]:
    fields = (f"user_id={name}", "username=ada", "email=ada@example.org")
    return ("submit", "CreateUser", *fields, *options)


def file_of(names: list[str], place: Path) -> str:
    """Write a file of users and, among them, toys, which the directory does not read."""
    user = {"username": "ada", "email": "ada@example.org"}
    lines = [{"command": "CreateUser", "data": {"user_id": name, **user}} for name in names]
    lines.append({"command": "Ring", "data": {"toy_id": f"{names[0]}-toy", "note": 1}})
    place.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return str(place)


def rows(prefix: str) -> int:
    with Session(fleet.database.engine(Role.READER)) as session:
        found = select(func.count()).where(UserRow.user_id.startswith(prefix))
        return session.scalar(found) or 0


def test_it_comes_back_when_the_row_is_there(worked: TestFleet, toy: str) -> None:
    done = told(*create(toy, *SHOWN, "--timeout", "20"))

    assert done.status == 0, done.err
    assert done.out.endswith("; to be seen in user_directory\n")
    assert row(toy)


@pytest.mark.parametrize("arguments", [SHOWN, ("--json", *SHOWN)])
def test_a_time_that_is_over_is_told_and_the_command_is_done_all_the_same(
    worked: TestFleet, toy: str, arguments: tuple[str, ...]
) -> None:
    with standing_still(DIRECTORY):
        late = told(*create(toy, *arguments, "--timeout", "1"))

    assert late.status == 1
    assert late.out == ""
    assert "projection 'user_directory' has not come to position" in late.err
    assert len(fleet.store.load_events(toy)) == 1


def test_a_refusal_is_told_as_ever(worked: TestFleet, toy: str) -> None:
    told(*create(toy, "--wait"))
    refused = told(*create(toy, *SHOWN))

    assert refused.status == 1
    assert refused.err == f"rejected: user {toy} exists already\n"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("phone_book", "no projection is called 'phone_book'"),
        ("order_board", "projection 'order_board' does not read User events"),
    ],
)
def test_what_it_would_wait_for_in_vain_is_refused_first(
    idle: TestFleet, toy: str, name: str, words: str
) -> None:
    refused = told(*create(toy, "--wait-for", name))

    assert refused.status == 1
    assert words in refused.err
    assert fleet.inbox.head(toy) is None


def test_a_file_comes_back_when_all_its_rows_are_there(
    worked: TestFleet, toy: str, tmp_path: Path
) -> None:
    names = [f"{toy}-{n}" for n in range(50)]
    file = file_of(names, tmp_path / "users.jsonl")
    with standing_still(DIRECTORY):
        late = told("submit", "--file", file, *SHOWN, "--timeout", "1.5")
        before = rows(toy)
    again = told("submit", "--file", file, *SHOWN, "--timeout", "20")

    assert (late.status, before) == (1, 0)
    assert "all commands are settled, but projection 'user_directory'" in late.err
    assert again.status == 0, again.err
    assert rows(toy) == 50


def test_a_file_says_of_how_many_aggregates_the_read_model_lags_for_good(
    worked: TestFleet, toy: str, tmp_path: Path
) -> None:
    file = file_of([toy, f"{toy}-2"], tmp_path / "users.jsonl")
    told("submit", "--file", file, *SHOWN, "--timeout", "20")
    with psycopg.connect(worked.database.admin_url, autocommit=True) as admin:
        park = (
            "insert into fleetlog.parked_events "
            "(projection_name, aggregate_id, global_sequence, error) select 'user_directory', "
            "aggregate_id, global_sequence, 'a test' from fleetlog.events where aggregate_id = %s"
        )
        admin.execute(park, (toy,))
        try:
            again = told("submit", "--file", file, *SHOWN, "--timeout", "20")
        finally:
            admin.execute("delete from fleetlog.parked_events where error = 'a test'")

    assert again.status == 1
    assert "has parked events of 1 aggregate and shows" in again.err
