"""The checker is checked on what was only accepted: kept in order, ended, and asked for again."""

from dataclasses import replace
from uuid import UUID

import msgspec
import pytest

from tests.chaos.checker import check
from tests.chaos.doctoring import doctor, promises
from tests.chaos.history import ACCEPTED, AGAIN, Entry
from tests.chaos.small_run import SmallRun
from tests.conftest import TestDatabase

DIED = """error = '{"type": "WorkerDiedError"}', attempts = 5"""


def only_accepted(ran: SmallRun) -> list[Entry]:
    """Return what was heard, if nobody had ever heard how a command ended."""
    return [
        msgspec.structs.replace(entry, kind="unknown", reason=ACCEPTED, answer=None)
        if entry.kind == "ok" or (entry.kind == "refused" and "kept out" not in entry.reason)
        else entry
        for entry in ran.evidence.entries
    ]


def test_commands_that_were_accepted_and_parked_for_nothing_are_found(
    ran: SmallRun, doctored: TestDatabase
) -> None:
    doctor(doctored, "update fleetlog.commands set status = 'parked' where status = 'rejected'")

    findings = check(replace(ran.evidence, entries=only_accepted(ran)))

    assert promises(findings) == {"parked"}
    assert len(findings) == min(len(ran.refused), 21)
    assert "is no poison" in findings[0]


def test_poison_may_be_parked_and_two_that_died_too_often(
    ran: SmallRun, doctored: TestDatabase
) -> None:
    one, two, three, poison, *_ = ran.refused
    entries = only_accepted(ran)
    park = f"update fleetlog.commands set status = 'parked', {DIED} where command_id = any(%s)"
    doctor(
        doctored,
        "update fleetlog.commands set status = 'parked', aggregate_id = 'poison-1' "
        "where command_id = %s",
        poison,
    )
    doctor(doctored, park, [one, two])

    assert check(replace(ran.evidence, entries=entries)) == []

    doctor(doctored, park, [three])
    (finding,) = check(replace(ran.evidence, entries=entries))

    assert finding.startswith("parked: 3 commands are parked because their workers died")


def test_a_death_too_few_does_not_explain_a_parked_command(
    ran: SmallRun, doctored: TestDatabase
) -> None:
    park = f"update fleetlog.commands set status = 'parked', {DIED} - 1 where command_id = %s"
    doctor(doctored, park, ran.refused[0])

    (finding,) = check(replace(ran.evidence, entries=only_accepted(ran)))

    assert f"{ran.refused[0]} of " in finding
    assert "is parked after 4 attempts for WorkerDiedError" in finding


def asked_again(ran: SmallRun, command_id: UUID) -> list[Entry]:
    """Return what was heard, if one command had only been accepted, and asked for twice since."""
    told = [e for e in ran.evidence.entries if e.command_id == command_id and e.kind == "ok"]
    later = max(entry.at_ns for entry in ran.evidence.entries) + 1
    again = [msgspec.structs.replace(told[0], client=AGAIN, at_ns=later + n) for n in (0, 1)]
    open_ended = msgspec.structs.replace(told[0], kind="unknown", reason=ACCEPTED, answer=None)
    others = [e for e in ran.evidence.entries if e.command_id != command_id or e.kind == "invoke"]
    return [*others, open_ended, *again]


def test_what_was_only_accepted_is_asked_for_twice_and_answered_with_its_row(
    ran: SmallRun,
) -> None:
    open_end = ran.done["Ring"][0]
    entries = asked_again(ran, open_end)
    evidence = replace(ran.evidence, was_asked_again=True)

    assert check(replace(evidence, entries=entries)) == []

    (finding,) = check(replace(evidence, entries=entries[:-1]))
    assert finding.startswith(f"asked again: Ring {open_end} has no known end, and was asked for 1")

    other = msgspec.structs.replace(entries[-1], answer={"events": 7})
    findings = check(replace(evidence, entries=[*entries[:-1], other]))
    assert promises(findings) == {"answers", "asked again"}

    changed = [msgspec.structs.replace(e, answer={"events": 7}) for e in entries[-2:]]
    findings = check(replace(evidence, entries=[*entries[:-2], *changed]))
    assert promises(findings) == {"answers"}


@pytest.mark.parametrize("reason", ["no answer within 60 s", "OperationalError"])
def test_what_has_no_answer_although_all_is_quiet_is_found(ran: SmallRun, reason: str) -> None:
    entries = asked_again(ran, ran.done["Ring"][0])
    silent = [
        msgspec.structs.replace(entry, kind="unknown", reason=reason, answer=None)
        for entry in entries[-2:]
    ]
    evidence = replace(ran.evidence, was_asked_again=True)

    findings = check(replace(evidence, entries=[*entries[:-2], *silent]))

    assert promises(findings) == {"asked again"}
    assert f"was submitted again when all was quiet, and has {reason}" in findings[0]


def test_a_refusal_for_another_reason_than_the_stored_one_is_found(ran: SmallRun) -> None:
    refused = ran.refused[0]
    entries = [
        msgspec.structs.replace(entry, reason="OtherError")
        if entry.command_id == refused and entry.kind == "refused"
        else entry
        for entry in ran.evidence.entries
    ]

    (finding,) = check(replace(ran.evidence, entries=entries))

    assert f"{refused} was refused (OtherError) and its row says" in finding


def test_one_that_overtook_what_was_accepted_before_is_found(
    ran: SmallRun, doctored: TestDatabase
) -> None:
    """Nobody heard that they were ok, only that the first was accepted, and then the second."""
    rings = ran.evidence.rows(
        "select command_id from fleetlog.commands where status = 'done' and aggregate_id = "
        "'toy-1' order by accepted_no limit 2"
    )
    (first,), (second,) = rings
    entries = only_accepted(ran)

    assert check(replace(ran.evidence, entries=entries)) == []

    at = {entry.command_id: entry.at_ns for entry in entries if entry.kind == "invoke"}
    swapped = [
        msgspec.structs.replace(entry, at_ns=at[second] + n)
        if entry.command_id == first
        else msgspec.structs.replace(entry, at_ns=at[first] + n)
        if entry.command_id == second
        else entry
        for n, entry in enumerate(entries)
    ]
    findings = check(replace(ran.evidence, entries=swapped))

    assert promises(findings) == {"order"}
    assert any(str(first) in f and "has its turn before" in f for f in findings)
    assert any(str(first) in f and "has overtaken" in f for f in findings)
