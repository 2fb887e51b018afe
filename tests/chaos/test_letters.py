"""The judge of malformed messages is judged: each must be found again, or a broker have lost it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from store.dead_letters import DeadLetter, DeadLetters
from tests.chaos.doctoring import doctor
from tests.chaos.letters import Breaks, Poured, Pushed, Sent, digest, judge
from tests.chaos.small_run import SmallRun
from tests.conftest import TestDatabase

SECOND = 10**9
WIRE = b'{"body": "nonsense", "headers": {"id": 7}, "properties": {"delivery_info": {}}}'
REFUSED = UUID(int=77)
REFUSE = (
    "select fleetlog.refuse_command(%s, 'Ring', '{}', "
    """'{"type": "InvalidFieldError", "message": "Ring.note must be int"}')"""
)


@pytest.fixture
def poured(ran: SmallRun, doctored: TestDatabase) -> Poured:
    """One malformed command that was refused by its field, one list item that was set aside."""
    doctor(doctored, REFUSE, REFUSED)
    keep(ran, WIRE)
    return Poured(
        sent=[Sent(str(REFUSED), "Ring.note", 5 * SECOND)],
        pushed=[Pushed("no id", digest(WIRE), 5 * SECOND)],
    )


def keep(ran: SmallRun, wire: bytes) -> None:
    kept = DeadLetter(uuid4(), "commands", "is no message", None, wire, datetime.now(UTC))
    DeadLetters(ran.database).keep(kept)


def a_refusal_without_its_field(_: SmallRun, doctored: TestDatabase) -> None:
    vague = """error = '{"message": "something is wrong"}'"""
    doctor(doctored, f"update fleetlog.commands set {vague} where command_id = %s", REFUSED)


def a_command_that_was_done(_: SmallRun, doctored: TestDatabase) -> None:
    doctor(doctored, "update fleetlog.commands set status = 'done' where command_id = %s", REFUSED)


def a_command_that_was_parked(_: SmallRun, doctored: TestDatabase) -> None:
    doctor(
        doctored, "update fleetlog.commands set status = 'parked' where command_id = %s", REFUSED
    )


def a_command_without_an_answer(_: SmallRun, doctored: TestDatabase) -> None:
    doctor(doctored, "delete from fleetlog.commands where command_id = %s", REFUSED)


def a_letter_that_vanished(_: SmallRun, doctored: TestDatabase) -> None:
    doctor(doctored, "delete from fleetlog.dead_letters where true or %s is null", REFUSED)


def test_what_was_refused_by_its_field_or_set_aside_is_in_order(
    ran: SmallRun, poured: Poured
) -> None:
    judged = judge(ran.evidence, poured, Breaks())

    assert (judged.found, judged.lost, judged.gone) == ([], 0, [])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (a_refusal_without_its_field, "was refused without naming Ring.note"),
        (a_command_that_was_done, "is done"),
        (a_command_that_was_parked, "is parked"),
        (a_command_without_an_answer, "is neither answered nor set aside"),
        (a_letter_that_vanished, "is neither answered nor set aside"),
    ],
)
def test_what_was_not_treated_so_is_found(
    ran: SmallRun,
    doctored: TestDatabase,
    poured: Poured,
    change: Callable[[SmallRun, TestDatabase], None],
    sentence: str,
) -> None:
    change(ran, doctored)

    (finding,) = judge(ran.evidence, poured, Breaks()).found

    assert sentence in finding


@pytest.mark.parametrize(
    ("loss", "lost"),
    [
        ((4 * SECOND, 6 * SECOND), 2),
        ((80 * SECOND, 81 * SECOND), 2),
        ((3 * SECOND, 4 * SECOND), 0),
        ((96 * SECOND, 97 * SECOND), 0),
    ],
)
def test_only_a_broker_that_was_lost_soon_after_is_an_excuse(
    ran: SmallRun, doctored: TestDatabase, poured: Poured, loss: tuple[int, int], lost: int
) -> None:
    a_command_without_an_answer(ran, doctored)
    a_letter_that_vanished(ran, doctored)

    judged = judge(ran.evidence, poured, Breaks([loss]))

    assert judged.lost == lost
    assert len(judged.found) == 2 - lost


def test_no_more_messages_may_be_gone_than_were_in_nobodys_hands(
    ran: SmallRun, doctored: TestDatabase, poured: Poured
) -> None:
    a_command_without_an_answer(ran, doctored)
    a_letter_that_vanished(ran, doctored)

    assert judge(ran.evidence, poured, Breaks(on_the_way=2)).found == []
    assert len(judge(ran.evidence, poured, Breaks(on_the_way=1)).found) == 2


def test_one_dead_letter_is_not_enough_for_two_equal_messages(
    ran: SmallRun, poured: Poured
) -> None:
    twice = Poured(pushed=[*poured.pushed, *poured.pushed])

    assert len(judge(ran.evidence, twice, Breaks()).found) == 1
    keep(ran, WIRE)
    assert judge(ran.evidence, twice, Breaks()).found == []


def test_a_message_is_known_again_after_it_was_taken_back(ran: SmallRun, poured: Poured) -> None:
    again = json.loads(WIRE)
    again["headers"]["redelivered"] = True
    again["properties"]["delivery_info"]["redelivered"] = True

    assert digest(json.dumps(again, indent=1).encode()) == digest(WIRE)
    assert digest(WIRE.replace(b"7", b"8")) != digest(WIRE)


def test_what_a_door_should_not_have_said_is_found(ran: SmallRun, poured: Poured) -> None:
    let_in = Poured(found=["submit let in Ring"])

    assert judge(ran.evidence, let_in, Breaks()).found == ["submit let in Ring"]
