"""Hostile commands through a bare `send_task`: answered by their field under their own id."""

from collections import Counter
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

from kombu.exceptions import EncodeError

from tests.fleets import TestFleet
from tests.hostile.doors import INPUTS, SEARCHED, SEND_TASK
from tests.hostile.generate import Hostile, hostile_commands, seeded
from tests.hostile.judging import Kept, differing_streams, family, kept, names_the_field, settle
from tests.hostile.odd import as_python, is_json
from tests.processes import Process
from tests.toys import Ring
from workers.app import app
from workers.fleet import fleet
from workers.submitting import submit

SECONDS = 90
UNKNOWN_NAMES = 100
ALL = INPUTS[SEND_TASK] - SEARCHED[SEND_TASK] - UNKNOWN_NAMES
# A number of 4,301 digits and 5,000 levels do not get past the sender's own serializer.
UNSENDABLE = (EncodeError, ValueError, RecursionError)
BETWEEN_GOOD_ONES = 25
NAMES = (
    "ring", "Ring ", " Ring", "R\u0456ng", "Ring\u200b", "commands.Ring", "os.system",
    "celery.ping", "x" * 5000, "\x1b[2J", "\x00", "\ud800", "\u202egniR", "__class__",
    "../Ring", "Ring;--",
)  # fmt: skip
REASONS = {"is for a task that is not known here", "has no task name and id"}
# What a sender may say beside the command; none of it is the command's fault.
CLAIMS: tuple[dict[str, Any], ...] = (
    {}, {"actor": "\x00"}, {"actor": "\ud800"}, {"actor": 7}, {"actor": ["kim"]},
    {"reason": {"deep": {"er": []}}}, {"reason": "x" * 10**5}, {"traceparent": [1]},
    {"correlation_id": "\x1b[2J"}, {"causation_id": None}, {"stranger" * 1000: "\x00"},
)  # fmt: skip


def drawn() -> list[Hostile]:
    writable = (one for one in hostile_commands(seeded(10)) if is_json(one.fields))
    return list(islice(writable, ALL))


def send(one: Hostile, claims: dict[str, Any]) -> UUID | None:
    """Send it as another service would; None where Celery itself cannot write it down."""
    id = uuid4()
    try:
        app.send_task(
            one.command_type, kwargs=as_python(one.fields), task_id=str(id), headers=claims
        )
    except UNSENDABLE:
        return None
    return id


def test_a_hostile_command_sent_by_name_is_answered_by_its_field_or_done(
    worked: tuple[TestFleet, Process],
) -> None:
    made, worker = worked
    before, random = family(worker), seeded(11)
    sent: dict[UUID, Hostile] = {}
    unsent, good = [], []
    for number, one in enumerate(drawn()):
        id = send(one, random.choice(CLAIMS))
        if id is None:
            unsent.append(one)
        else:
            sent[id] = one
        if number % BETWEEN_GOOD_ONES == 0:
            good.append(submit(Ring(toy_id="good", note=number)))
    versions = [result.get(timeout=SECONDS)["version"] for result in good]
    with made.client() as broker:
        settle(broker, worker)
    rows = {row.command_id: row for row in kept()}
    answered = {id: rows.get(id) for id in sent}

    assert family(worker) == before
    assert versions == list(range(1, len(good) + 1))
    assert len(sent) + len(unsent) == ALL
    assert len(unsent) < len(sent) / 10
    assert [sent[id] for id, row in answered.items() if not is_right(sent[id], row)] == []
    assert differing_streams() == []
    assert fleet.dead_letters.count() == 0


def is_right(one: Hostile, row: Kept | None) -> bool:
    """Whether the answer is the one that this command deserves."""
    if row is None:
        return False
    if one.is_legal:
        return row.status == "done" and row.fields == as_python(one.fields)
    return row.status == "rejected" and names_the_field(one, row.message)


def test_a_task_that_nobody_knows_is_set_aside_under_its_name(
    worked: tuple[TestFleet, Process],
) -> None:
    made, worker = worked
    before = family(worker)
    names = [NAMES[number % len(NAMES)] for number in range(UNKNOWN_NAMES)]
    for name in names:
        app.send_task(name, kwargs={"toy_id": "toy", "note": 1}, queue="commands")
    after = submit(Ring(toy_id="after", note=1)).get(timeout=SECONDS)
    with made.client() as broker:
        settle(broker, worker)
    letters = fleet.dead_letters.listed(2 * UNKNOWN_NAMES)

    assert family(worker) == before
    assert after["version"] == 1
    assert Counter(cut(letter.task_name or "") for letter in letters) == Counter(map(cut, names))
    assert {letter.reason for letter in letters} <= REASONS
    assert len(kept()) == 1


def cut(name: str) -> str:
    """Return what is left of a name in its letter, where what cannot be stored is replaced."""
    return "".join(letter for letter in name[:200] if letter.isascii() and letter.isprintable())
