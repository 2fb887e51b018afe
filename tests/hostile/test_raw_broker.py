"""Hostile list items in the broker: a command's answer or a letter for each, and no worker dies."""

import json
from collections import Counter
from itertools import islice
from uuid import UUID

from celery.result import AsyncResult
from redis import Redis

from store.storable import CONTROL
from tests.fleets import TestFleet
from tests.hostile.doors import BROKER, INPUTS
from tests.hostile.generate import seeded
from tests.hostile.judging import QUEUES, Kept, family, kept, settle
from tests.hostile.messages import OWNED, Envelope, Letter, encoded, hostile_messages
from tests.hostile.odd import MEGABYTES
from tests.processes import Process
from tests.toys import Ring
from workers.fleet import fleet
from workers.results import command_id_of
from workers.submitting import submit

SECONDS = 90
# Most come where commands do.
SPREAD = ("commands", "commands", *QUEUES)
BETWEEN_GOOD_ONES = 25


def drawn() -> list[Letter]:
    return list(islice(hostile_messages(seeded(9)), INPUTS[BROKER]))


def push(broker: Redis, letters: list[Letter]) -> "list[AsyncResult[dict[str, object]]]":
    """Leave the letters in the queues, honest work among them."""
    good = []
    for number, letter in enumerate(letters):
        broker.lpush(SPREAD[number % len(SPREAD)], letter.wire)
        if number % BETWEEN_GOOD_ONES == 0:
            good.append(submit(Ring(toy_id="good", note=number)))
    return good


def canonical(wire: bytes) -> str:
    """Return a text that is the same for the same message, however its JSON is spaced."""
    try:
        return json.dumps(json.loads(wire.decode(errors="replace")), sort_keys=True)
    except (ValueError, RecursionError):
        return repr(wire)


def places(letters: list[Letter]) -> dict[str, list[Letter]]:
    """Return the letters by where they ended: as a row, set aside, nowhere, or more than once."""
    rows = {row.command_id for row in kept()}
    dead = Counter(canonical(found.message) for found in fleet.dead_letters.listed(10**6))
    sent = Counter(canonical(letter.wire) for letter in letters)
    found: dict[str, list[Letter]] = {"row": [], "set aside": [], "twice": [], "nowhere": []}
    for letter in letters:
        text = canonical(letter.wire)
        copies = dead[text] / sent[text]  # what says nothing of its own may be there many times
        match command_id_of(letter.task_id) in rows, copies:
            case True, 0:
                found["row"].append(letter)
            case False, 1:
                found["set aside"].append(letter)
            case False, 0:
                found["nowhere"].append(letter)
            case _:
                found["twice"].append(letter)
    return found


def test_every_hostile_list_item_is_answered_or_set_aside_and_the_same_processes_go_on(
    worked: tuple[TestFleet, Process],
) -> None:
    made, worker = worked
    before = family(worker)
    letters = drawn()
    with made.client() as broker:
        good = push(broker, letters)
        versions = [result.get(timeout=SECONDS)["version"] for result in good]
        settle(broker, worker)
    after = submit(Ring(toy_id="after", note=1)).get(timeout=SECONDS)
    found = places(letters)
    rows = {row.command_id: row for row in kept()}

    assert family(worker) == before
    assert versions == list(range(1, len(good) + 1))
    assert after["version"] == 1
    assert (found["nowhere"], found["twice"]) == ([], [])
    assert fleet.dead_letters.count() == len(found["set aside"])
    assert len(found["row"]) == len(rows) - len(good) - 1
    assert unexplained(rows) == []
    assert not OWNED.exists()


def unexplained(rows: dict[UUID, Kept]) -> list[str]:
    """Return what ended without a reason that can be shown, or is not what was asked for."""
    wrong = []
    for row in rows.values():
        if row.status == "done":
            events = [event.payload for event in fleet.store.load_events(row.aggregate_id)]
            if {"note": row.fields["note"]} not in events:
                wrong.append(f"{row}: not what it asked for")
        elif row.status != "rejected" or not row.message or CONTROL.search(row.message):
            wrong.append(f"{row}: no reason that can be shown")
    return wrong


def test_an_enormous_message_is_answered_or_set_aside_like_any_other(
    worked: tuple[TestFleet, Process],
) -> None:
    made, worker = worked
    before = family(worker)
    text = "x" * MEGABYTES
    whole = [Envelope(number, str(UUID(int=number, version=4))) for number in range(3)]
    whole[0].task, whole[0].kwargs = "Label", {"toy_id": "toy", "text": text}
    whole[1].task, whole[1].kwargs = "nobody's", {"text": text}
    wires = [encoded(one.document()) for one in whole[:2]]
    wires += [encoded(whole[2].document(headers=whole[2].headers(stranger=text))), text.encode()]
    with made.client() as broker:
        for wire in wires:
            broker.lpush("commands", wire)
        after = submit(Ring(toy_id="after", note=1)).get(timeout=SECONDS)
        settle(broker, worker)
    rows = {row.command_id: row for row in kept()}
    label, ring = rows[UUID(whole[0].id)], rows[UUID(whole[2].id)]

    assert family(worker) == before
    assert after["version"] == 1
    assert label.message.startswith("Label.text takes 10,000,0")
    assert ring.status == "done"
    assert [len(letter.message) for letter in fleet.dead_letters.listed(10)] == [
        len(wires[1]),
        len(wires[3]),
    ]
