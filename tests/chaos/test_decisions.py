"""An answer that the domain would not have given is found, and one that nobody should have."""

from dataclasses import replace
from uuid import UUID

import msgspec
import psycopg

from tests.chaos.checker import check
from tests.chaos.small_run import SmallRun
from tests.conftest import TestDatabase


def command(doctored: TestDatabase, command_id: UUID, change: str) -> None:
    with psycopg.connect(doctored.admin_url) as connection:
        statement = f"update fleetlog.commands set {change} where command_id = %s"
        assert connection.execute(statement.encode(), [command_id]).rowcount == 1


def a_refused(ran: SmallRun, command_type: str, error: str) -> UUID:
    query = (
        "select command_id from fleetlog.commands "
        f"where command_type = '{command_type}' and error ->> 'type' = '{error}' limit 1"
    )
    ((found,),) = ran.evidence.rows(query)
    return UUID(str(found))


def test_a_refusal_that_was_not_due_is_found(ran: SmallRun, doctored: TestDatabase) -> None:
    """As a worker gives it that remembers the toy as it was, or as it was going to be."""
    refused = a_refused(ran, "Label", "ToyRefusedError")
    command(doctored, refused, """payload = payload || '{"text": "violet"}'""")

    (finding,) = check(ran.evidence)

    assert finding.startswith(f"decisions: Label {refused} refuses by ToyRefusedError, and at ver")
    assert finding.endswith("the domain records Labelled")


def test_a_refusal_that_was_true_before_is_found(ran: SmallRun, doctored: TestDatabase) -> None:
    """As from a stale cache: the user was not there once, and was when this was decided."""
    ((refused,), *_) = ran.evidence.rows(
        "select command_id from fleetlog.commands c where error ->> 'type' = 'UserNotFoundError' "
        "and exists (select from fleetlog.events e where e.aggregate_id = c.aggregate_id "
        "and e.timestamp > c.finished_at)"
    )
    command(doctored, refused, "finished_at = clock_timestamp(), accepted_no = default")

    (finding,) = check(ran.evidence)

    assert f"{refused} refuses by UserNotFoundError, and at version" in finding


def test_a_refusal_for_another_reason_is_found(ran: SmallRun, doctored: TestDatabase) -> None:
    refused = a_refused(ran, "ChangeUserEmail", "UserNotFoundError")
    other = """error = error || '{"type": "UserDeactivatedError"}'"""
    command(doctored, refused, other)

    heard, finding = check(ran.evidence)

    assert heard.startswith("answers: ")
    assert f"{refused} refuses by UserDeactivatedError, and at version 0 " in finding
    assert finding.endswith("the domain refuses by UserNotFoundError")


def test_an_event_that_was_not_due_is_found(ran: SmallRun, doctored: TestDatabase) -> None:
    """A user created a second time: numbered well, answered well, and never to be."""
    changed = ran.done["ChangeUserPassword"][-1]
    created = '\'{"username": "name1", "email": "name1@example.org"}\''
    with psycopg.connect(doctored.admin_url) as connection:
        connection.execute("alter table fleetlog.events disable trigger user")
        connection.execute(
            "update fleetlog.events set event_type = 'UserCreated', version = 2, "
            f"data = {created}::jsonb || jsonb_build_object('user_id', aggregate_id) "
            "where metadata ->> 'command_id' = %s".encode(),
            [str(changed)],
        )
    payload = f"{created}::jsonb || jsonb_build_object('user_id', aggregate_id)"
    command(doctored, changed, f"command_type = 'CreateUser', payload = {payload}")

    findings = [one for one in check(ran.evidence) if one.startswith("decisions: ")]

    assert f"decisions: CreateUser {changed} records UserCreated" in findings[0]
    assert findings[0].endswith("the domain refuses by UserAlreadyExistsError")


def test_a_command_that_was_kept_out_and_came_in_is_found(ran: SmallRun) -> None:
    refused = ran.refused[0]
    entries = [
        msgspec.structs.replace(entry, reason="kept out: rolled back")
        if entry.command_id == refused and entry.kind == "refused"
        else entry
        for entry in ran.evidence.entries
    ]

    (finding,) = check(replace(ran.evidence, entries=entries))

    assert finding.startswith("answers: ")
    assert f"{refused} was kept out and is rejected" in finding


def test_a_command_may_be_kept_out_at_one_door_and_refused_behind_another(ran: SmallRun) -> None:
    refused = ran.refused[0]
    reasons = {"invoke": "by_send_task", "refused": "kept out: a field"}
    entries = [
        msgspec.structs.replace(entry, reason=reasons.get(entry.kind, entry.reason))
        if entry.command_id == refused
        else entry
        for entry in ran.evidence.entries
    ]

    assert check(replace(ran.evidence, entries=entries)) == []
