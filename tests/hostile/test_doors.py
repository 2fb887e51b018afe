"""Enough of them, at every door: what the other tests of this folder send, counted again."""

import re
from base64 import b64decode

from tests.hostile import test_cli_file, test_events, test_raw_broker, test_send_task, test_submit
from tests.hostile.doors import BROKER, EVENTS, FILE, INPUTS, SEARCHED, SEND_TASK, SUBMIT
from tests.hostile.generate import Hostile
from tests.hostile.messages import Letter

ENOUGH = 10_000
DISTINCT = 0.6  # of those that are wrong; the rest was drawn before, under another id
LEGAL_AT_MOST = 0.2  # what only looks strange
NAMES = re.compile("hostile-[0-9]+|toy-[0-9]+|tag-|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def faults() -> dict[str, list[str]]:
    """Return what is drawn for each door and wrong; what hypothesis thinks of comes on top."""
    submitted = test_submit.drawn(1, test_submit.ONE_BY_ONE)
    submitted += test_submit.untyped(2, test_submit.TYPED)
    submitted += [h for h in test_submit.untyped(3, 200) if not h.is_legal][: test_submit.TOGETHER]
    lines = test_cli_file.drawn(4, INPUTS[FILE] - SEARCHED[FILE] - test_cli_file.STOPS)
    appended = test_events.drawn(6, test_events.ALONE)
    letters = test_raw_broker.drawn()  # Celery's first protocol is old, and no fault by itself
    return {
        SUBMIT: [said(one) for one in submitted if not one.is_legal],
        FILE: [repr(line.text) for line in lines if not line.is_legal],
        EVENTS: [shown(one) for one in appended if not one.is_legal],
        SEND_TASK: [said(one) for one in test_send_task.drawn() if not one.is_legal],
        BROKER: [opened(one) for one in letters if one.kind != "first_protocol"],
    }


def said(one: Hostile) -> str:
    """Return what is wrong with it, without what is right."""
    return shown((one.kind, one.command_type, one.field, one.fields.get(one.field)))


def shown(thing: object) -> str:
    try:
        return repr(thing)
    except (ValueError, RecursionError):  # beyond what Python writes down
        return type(thing).__name__


def opened(letter: Letter) -> str:
    """Return it with its body as it was before it was packed, where it has one of its own."""
    body = re.search(rb'"body": "([A-Za-z0-9+/=]+)"', letter.wire)
    try:
        within = b64decode(body[1] + b"==") if body else b""
    except ValueError:  # cut off
        within = b""
    return repr((letter.kind, letter.wire.replace(body[1], b"") if body else letter.wire, within))


def nameless(fault: str) -> str:
    return NAMES.sub("(a name)", fault[:20_000])


def test_the_doors_together_see_more_than_ten_thousand_malformed_inputs() -> None:
    found = faults()
    distinct = {door: len(set(map(nameless, wrong))) for door, wrong in found.items()}
    for door, wrong in found.items():
        print(f"{door}: {len(wrong):,} malformed, {distinct[door]:,} distinct")
    total = sum(map(len, found.values()))

    assert found.keys() == INPUTS.keys()
    assert total >= ENOUGH
    assert sum(distinct.values()) >= DISTINCT * total
    for door, wrong in found.items():
        drawn = INPUTS[door] - SEARCHED[door]
        beside = test_send_task.UNKNOWN_NAMES if door == SEND_TASK else 0
        beside += {EVENTS: test_events.IN_BATCHES, FILE: test_cli_file.STOPS}.get(door, 0)
        assert len(wrong) > (drawn - beside) * (1 - LEGAL_AT_MOST), door


def test_the_same_seed_draws_the_same_inputs() -> None:
    lines = [test_cli_file.drawn(12, 300) for _ in range(2)]

    assert [line.text for line in lines[0]] == [line.text for line in lines[1]]
    assert test_submit.drawn(12, 300) == test_submit.drawn(12, 300)
    assert test_raw_broker.drawn() == test_raw_broker.drawn()
