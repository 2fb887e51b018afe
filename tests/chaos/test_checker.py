"""The checker is checked: whatever is doctored, it says so, and says nothing when all is well."""

from dataclasses import replace
from uuid import UUID

import msgspec
import pytest

from tests.chaos.checker import check
from tests.chaos.doctoring import doctor, promises
from tests.chaos.settle import quiet
from tests.chaos.small_run import SmallRun
from tests.conftest import TestDatabase

LAST_OF_STREAM = (
    "(select max(sequence_number) from fleetlog.events o where o.aggregate_id = e.aggregate_id)"
)


def a_done(ran: SmallRun, command_type: str = "Ring") -> UUID:
    return ran.done[command_type][-1]


def test_a_clean_run_has_no_findings(ran: SmallRun) -> None:
    assert {"Ring", "CreateUser", "PlaceOrder"} <= ran.done.keys()
    assert len(ran.refused) > 10
    assert check(ran.evidence) == []
    quiet(ran.database, ran.redis, 5)


def test_a_lost_event_is_found(ran: SmallRun, doctored: TestDatabase) -> None:
    lost = a_done(ran)
    doctor(doctored, "delete from fleetlog.events where metadata ->> 'command_id' = %s", str(lost))

    findings = check(ran.evidence)

    assert f"effects: Ring {lost} is done, and its event is lost" in findings
    assert {"effects", "live reader", "projections"} <= promises(findings)


def test_a_doubled_event_is_found(ran: SmallRun, doctored: TestDatabase) -> None:
    doubled = ran.done["Ring"][0]
    doctor(
        doctored,
        "insert into fleetlog.events (event_id, aggregate_id, aggregate_type, event_type, version, "
        "sequence_number, data, metadata, timestamp) "
        "select gen_random_uuid(), aggregate_id, aggregate_type, event_type, version, "
        f"{LAST_OF_STREAM} + 1, data, metadata, timestamp from fleetlog.events e "
        "where metadata ->> 'command_id' = %s",
        str(doubled),
    )
    ran.settle()

    findings = check(ran.evidence)

    assert f"effects: Ring {doubled} was done more than once: 2 events" in findings
    # Its second event stands behind what was asked for after the first was ok.
    assert promises(findings) == {"decisions", "effects", "order"}


def test_an_event_of_a_refused_command_is_found(ran: SmallRun, doctored: TestDatabase) -> None:
    refused = ran.refused[0]
    statement = (
        "update fleetlog.events e set metadata = metadata || jsonb_build_object('command_id', "
        "%s::text) where metadata ->> 'command_id' = %s"
    )
    doctor(doctored, statement, str(refused), str(a_done(ran)))

    findings = check(ran.evidence)

    assert promises(findings) == {"answers", "decisions", "effects", "projections"}
    assert any(str(refused) in f and "recorded 1 events" in f for f in findings)


def test_an_event_that_its_command_did_not_ask_for_is_found(
    ran: SmallRun, doctored: TestDatabase
) -> None:
    changed = a_done(ran, "ChangeUserPassword")
    statement = (
        """update fleetlog.events set data = '{"password_hash": "$2b$other"}' """
        "where metadata ->> 'command_id' = %s"
    )
    doctor(doctored, statement, str(changed))

    findings = check(ran.evidence)

    assert promises(findings) == {"decisions", "effects"}
    assert f"another password_hash than ChangeUserPassword {changed}" in findings[0]


def test_an_answer_that_was_not_kept_is_found(ran: SmallRun) -> None:
    forgotten = a_done(ran)
    entries = [
        msgspec.structs.replace(entry, answer={**(entry.answer or {}), "version": 10_000})
        if entry.command_id == forgotten and entry.kind == "ok"
        else entry
        for entry in ran.evidence.entries
    ]

    (finding,) = check(replace(ran.evidence, entries=entries))

    assert finding.startswith(f"answers: Ring {forgotten} was answered with")


@pytest.mark.parametrize(
    ("kind", "reason", "sentence"),
    [
        ("ok", "", "was ok and is lost"),
        ("unknown", "accepted", "was accepted and is lost"),
        ("unknown", "sent", None),
        ("refused", "kept out: rolled back", None),
        ("refused", "ToyRefusedError", "was refused (ToyRefusedError) and is lost"),
        ("unknown", "parked", "was accepted and is lost"),
    ],
)
def test_a_command_that_nobody_kept_is_found_if_it_was_to_be_kept(
    ran: SmallRun, kind: str, reason: str, sentence: str | None
) -> None:
    strange = UUID(int=1)
    entries = ran.evidence.entries
    last = entries[-1]
    heard = msgspec.structs.replace(last, command_id=strange, kind=kind, reason=reason)

    findings = check(replace(ran.evidence, entries=[*entries, heard]))

    assert findings == ([f"answers: {last.command_type} {strange} {sentence}"] if sentence else [])


def test_two_answers_that_contradict_each_other_are_found(ran: SmallRun) -> None:
    both = a_done(ran)
    ok = next(e for e in ran.evidence.entries if e.command_id == both and e.kind == "ok")
    refused = msgspec.structs.replace(ok, kind="refused", reason="no", answer=None)

    findings = check(replace(ran.evidence, entries=[*ran.evidence.entries, refused]))

    assert findings == [f"answers: Ring {both} was answered with ok and with a refusal (no)"]


def test_an_inverted_order_is_found(ran: SmallRun) -> None:
    """The answer to the last command is said to have come before the first was asked for."""
    entries = list(ran.evidence.entries)
    last = max((e for e in entries if e.kind == "ok" and e.answer), key=position)
    early = msgspec.structs.replace(last, at_ns=entries[0].at_ns - 1)

    findings = check(replace(ran.evidence, entries=[early, *entries]))

    assert promises(findings) == {"order"}
    assert f"after {last.command_type} {last.command_id} was ok" in findings[0]


def position(entry: object) -> int:
    return int((getattr(entry, "answer", None) or {}).get("position") or 0)


def test_a_hole_in_a_stream_is_found(ran: SmallRun, doctored: TestDatabase) -> None:
    shift = f"update fleetlog.events e set sequence_number = {LAST_OF_STREAM} + 1"
    doctor(doctored, f"{shift} where aggregate_id = 'toy-1' and sequence_number = {LAST_OF_STREAM}")

    findings = check(ran.evidence)

    assert promises(findings) == {"streams", "effects", "projections"}
    assert any("stream 'toy-1' has number" in finding for finding in findings)


def test_a_command_that_still_waits_is_found(ran: SmallRun, doctored: TestDatabase) -> None:
    waiting = ran.refused[0]
    doctor(
        doctored, "update fleetlog.commands set status = 'accepted' where command_id = %s", waiting
    )

    findings = check(ran.evidence)

    assert promises(findings) == {"answers", "books"}
    assert any(f"{waiting} of " in f and "is still accepted" in f for f in findings)
    with pytest.raises(AssertionError, match="1 commands of 1 aggregates wait"):
        quiet(ran.database, ran.redis, 0.2)


def test_what_changes_although_all_was_quiet_is_found(
    ran: SmallRun, doctored: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = ran.refused[0]
    statement = "update fleetlog.commands set status = 'cancelled' where command_id = %s"
    monkeypatch.setattr(
        "tests.chaos.checks.stability.time.sleep", lambda _: doctor(doctored, statement, changed)
    )

    (finding,) = check(ran.evidence)

    assert finding.startswith("stability: ")
    assert "was rejected and is cancelled" in finding
