"""What hypothesis thinks of, through the doors of commands: refused by a field, or read back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidFieldError
from store.command_codec import decode_command, encode_command, make_command
from store.engine import Role
from store.storable import CONTROL
from tests.fleets import TestFleet
from tests.hostile.doors import FILE, SEARCHED, SEND_TASK, SUBMIT
from tests.hostile.generate import ID_FIELDS, Fields
from tests.hostile.judging import KEPT, Kept, family
from tests.hostile.searched import (
    Tally,
    any_command,
    any_line,
    exact,
    searching,
    tallied,
    written_command,
)
from tests.hostile.test_cli_file import PASSED_OVER
from tests.integration import screens
from tests.polling import eventually
from tests.processes import Process
from tests.toys import Ring
from workers.app import app
from workers.fleet import fleet
from workers.results import command_id_of
from workers.submitting import submit

SECONDS = 90
TOGETHER = 10
SETTLED = {"done", "rejected"}
OF_THESE = KEPT.replace("order by", "where command_id = any(%b::uuid[]) order by")
Given = tuple[str, Fields]
together = st.lists(any_command, min_size=TOGETHER, max_size=TOGETHER)
lines = st.lists(any_line.filter(bytes.strip), min_size=TOGETHER, max_size=TOGETHER)
written = st.lists(written_command, min_size=TOGETHER, max_size=TOGETHER)


@pytest.fixture(scope="module")
def submitted() -> Iterator[Tally]:
    yield from tallied(SUBMIT, SEARCHED[SUBMIT] // 4)


@pytest.fixture(scope="module")
def filed() -> Iterator[Tally]:
    yield from tallied(FILE, SEARCHED[FILE] // 4)


@pytest.fixture(scope="module")
def sent() -> Iterator[Tally]:
    yield from tallied(SEND_TASK, SEARCHED[SEND_TASK] // 4)


def rows_of(ids: list[UUID]) -> dict[UUID, Kept]:
    with fleet.database.connect(Role.READER) as connection:
        rows = connection.execute(OF_THESE.encode(), (ids,), binary=True)
        return {row[0]: Kept(*row) for row in rows}


def is_whole(row: Kept, given: Given) -> bool:
    """Whether what is stored is what was given, and the event says so too, if there is one."""
    command = make_command(*given)
    read = decode_command(row.command_type, row.payload)
    if (read, exact(read)) != (command, exact(command)):
        return False
    if row.status != "done":
        return row.status == "rejected"
    id_field = ID_FIELDS[row.command_type]
    says = {name: value for name, value in row.fields.items() if name != id_field}
    events = fleet.store.load_events(row.aggregate_id)
    assert all(event.event for event in events)  # each can be decoded
    return any(says_all(event.payload, says) for event in events)


def says_all(payload: Any, says: dict[str, Any]) -> bool:
    return all(exact(payload.get(name)) == exact(value) for name, value in says.items())


def names_a_field(message: str, command_type: str, fields: Fields) -> bool:
    said = any(f"{command_type}.{name}" in message for name in fields)
    return said and not CONTROL.search(message)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@searching(SEARCHED[SUBMIT] // TOGETHER)
@given(all_given=together)
def test_submitted_it_is_refused_by_a_field_or_carried_out_and_read_back_equal(
    submitted: Tally, idle: TestFleet, all_given: list[Given]
) -> None:
    submitted.add(*all_given)
    accepted: dict[UUID, Given] = {}
    for command_type, fields in all_given:
        try:
            id = command_id_of(submit(make_command(command_type, fields)).id)
        except InvalidFieldError as refused:
            assert names_a_field(str(refused), command_type, fields)  # noqa: PT017 - either will do
        else:
            accepted[id] = command_type, fields
    fleet.handler.work_off(fleet.inbox.inboxes(0, 10**9), suspicious=False)
    rows = rows_of(list(accepted))

    assert rows.keys() == accepted.keys()
    assert [row for id, row in rows.items() if not is_whole(row, accepted[id])] == []


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@searching(SEARCHED[FILE] // TOGETHER)
@given(all_lines=lines)
def test_in_a_file_each_line_is_told_by_its_number_or_carried_out(
    filed: Tally, idle: TestFleet, tmp_path: Path, all_lines: list[bytes]
) -> None:
    filed.add(*all_lines)
    file = tmp_path / "lines.jsonl"
    file.write_bytes(b"\n".join([*all_lines, b""]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.console.faults.SHOWN_FAULTS", TOGETHER)
        done = screens.told("submit", "--file", str(file), "--skip-bad", "--json")
    passed = {int(number): said for number, said in PASSED_OVER.findall(done.err)}
    fleet.handler.work_off(fleet.inbox.inboxes(0, 10**9), suspicious=False)

    assert done.json["bad_lines"] == len(passed)
    assert done.status == int(bool(passed))
    assert all(said and not CONTROL.search(said) for said in passed.values())
    for number, line in enumerate(all_lines, start=1):
        if number not in passed:
            document = msgspec.json.decode(line)
            given = document["command"], document["data"]
            assert any(is_whole(row, given) for row in rows_like(*given)), line


def rows_like(command_type: str, fields: Fields) -> list[Kept]:
    id = fields[ID_FIELDS[command_type]]
    with fleet.database.connect(Role.READER) as connection:
        query = KEPT.replace("order by", "where aggregate_id = %b order by")
        return [Kept(*row) for row in connection.execute(query.encode(), (id,), binary=True)]


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@searching(SEARCHED[SEND_TASK] // TOGETHER)
@given(all_given=written)
def test_sent_by_name_it_is_answered_by_a_field_or_carried_out(
    sent: Tally, worked: tuple[TestFleet, Process], all_given: list[Given]
) -> None:
    _, worker = worked
    sent.add(*all_given)
    before = family(worker)
    accepted = {uuid4(): given for given in all_given}
    for id, (command_type, fields) in accepted.items():
        app.send_task(command_type, kwargs=fields, task_id=str(id))
    after = submit(Ring(toy_id=f"after-{uuid4()}", note=1)).get(timeout=SECONDS)

    def settled() -> bool:
        rows = rows_of(list(accepted))
        return {row.status for row in rows.values()} <= SETTLED and rows.keys() == accepted.keys()

    eventually(settled, SECONDS)
    rows = rows_of(list(accepted))

    assert (after["version"], family(worker)) == (1, before)
    assert [row for id, row in rows.items() if not is_answered(row, accepted[id])] == []


def is_answered(row: Kept, given: Given) -> bool:
    try:
        encode_command(make_command(*given))
    except InvalidFieldError:
        return row.status == "rejected" and names_a_field(row.message, *given)
    return is_whole(row, given)
