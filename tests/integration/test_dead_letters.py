"""Messages that no worker can take: kept as they came and counted; the worker goes on."""

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from store.dead_letters import DeadLetter
from tests.fleets import TestFleet
from tests.integration.screens import told
from tests.polling import eventually
from tests.processes import Process
from tests.toys import Ring
from workers import dead_letters
from workers.dead_letters import WAITING
from workers.fleet import fleet
from workers.submitting import submit

SECONDS = 30
SECRET = "nobody-must-read-this-in-a-log"  # noqa: S105 - no password


def message(
    task: object = "Ring", body: object = None, *, id: object = None, **changes: Any
) -> dict[str, Any]:
    """Return a message as kombu writes them, with what a test changes."""
    content = body if isinstance(body, bytes) else json.dumps(body or [[], {}, {}]).encode()
    made: dict[str, Any] = {
        "body": b64encode(content).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"task": task, "id": id or str(uuid4()), "lang": "py"},
        "properties": {
            "correlation_id": str(uuid4()),
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "commands"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid4()),
        },
    }
    return {**made, **changes}


def without(name: str, *, inside: str | None = None) -> dict[str, Any]:
    made = message()
    del (made[inside] if inside else made)[name]
    return made


STRANGE: dict[str, tuple[object, str]] = {
    "no JSON": (f"{{{SECRET}", "is no JSON"),
    "no text": (b"\xff\xfe\x00", "is no JSON"),
    "a digit too many": ("1" * 4301, "is no JSON"),
    "too deep": ("[" * 5000 + "]" * 5000, "is no JSON"),
    "a number": ("7", "is no JSON object"),
    "no headers": (without("headers"), "has no headers"),
    "no body": (without("body"), "has no body"),
    "no properties": (without("properties"), "has no properties"),
    "no tag": (without("delivery_tag", inside="properties"), "has no delivery tag"),
    "no way": (without("delivery_info", inside="properties"), "has no delivery info"),
    "no base64": (message(body=b"x") | {"body": "x"}, "is not in its encoding"),
    "unknown task": (message("Nobody.Knows", [[SECRET], {}, {}]), "task that is not known"),
    "a list for a name": (message(["Ring"]), "has no task name"),
    "a number for an id": (message(id=7), "has no task name and id"),
    "pickle": (message(**{"content-type": "application/x-python-serialize"}), "content type"),
    "a broken body": (message(body=b"[[], {" + SECRET.encode()), "cannot be decoded"),
    "a deep body": (message(body=b"[" * 5000 + b"]" * 5000), "cannot be decoded"),
    "an odd body": (message(body={"a": 1}), "has a body that is not arguments"),
    "a short body": (message(body=[[], {}]), "has a body that is not arguments"),
    "a limit of words": (
        message() | {"headers": {"task": "Ring", "id": str(uuid4()), "timelimit": SECRET}},
        "header timelimit of a wrong type",
    ),
    "a time that is none": (
        message() | {"headers": {"task": "Ring", "id": str(uuid4()), "eta": SECRET}},
        "fields that do not fit",
    ),
}


def push(broker: Redis, item: object) -> bytes:
    raw = item if isinstance(item, bytes) else item if isinstance(item, str) else json.dumps(item)
    raw = raw.encode() if isinstance(raw, str) else raw
    broker.lpush("commands", raw)
    return raw


def kept() -> list[DeadLetter]:
    dead_letters.collect()
    return fleet.dead_letters.listed(1000)


@pytest.fixture
def broker(worked: TestFleet) -> Iterator[Redis]:
    with worked.client() as client:
        yield client


@pytest.fixture(autouse=True)
def nothing_before_and_after(worked: TestFleet) -> Iterator[None]:
    forget_all()
    yield
    forget_all()


def forget_all() -> None:
    with fleet.dead_letters.taken([letter.letter_id for letter in kept()]):
        pass


def test_what_no_worker_can_take_is_kept_once_with_a_reason_and_the_worker_goes_on(
    broker: Redis, toy: str, a_worker: tuple[TestFleet, Process]
) -> None:
    _, worker = a_worker
    raws = {name: push(broker, item) for name, (item, _) in STRANGE.items()}
    done = submit(Ring(toy_id=toy, note=1)).get(timeout=SECONDS)
    eventually(lambda: len(kept()) >= len(STRANGE), SECONDS)
    letters = kept()

    assert done["version"] == 1
    assert worker.is_alive
    assert len(letters) == len(STRANGE)
    for name, (_, reason) in STRANGE.items():
        found = [one for one in letters if same(one.message, raws[name])]
        assert [reason in one.reason for one in found] == [True], (name, found)
        assert found[0].queue == "commands"
    assert broker.hlen("unacked") == broker.zcard("unacked_index") == 0
    assert SECRET not in worker.output


def same(message: bytes, raw: bytes) -> bool:
    """Whether a letter holds this message; what could be read was written anew as JSON."""
    try:
        return bool(json.loads(message) == json.loads(raw))
    except (ValueError, RecursionError):
        return message == raw


def test_a_letter_that_is_brought_twice_is_kept_once(worked: TestFleet, broker: Redis) -> None:
    dead_letters.post(dead_letters.letter("commands", "for a test", b"x"))
    broker.lpush(WAITING, broker.lindex(WAITING, 0) or "")
    broker.lpush(WAITING, b"put here by a stranger")
    letters = kept()

    assert sorted(letter.message for letter in letters) == [b"put here by a stranger", b"x"]
    assert broker.llen(WAITING) == 0


def test_a_person_sees_what_was_set_aside_sends_it_again_or_throws_it_away(
    worked: TestFleet, broker: Redis, toy: str
) -> None:
    push(broker, message("Nobody.Knows", [[SECRET], {}, {}]))
    push(broker, "garbage")
    eventually(lambda: len(kept()) == 2, SECONDS)
    unknown = next(letter for letter in kept() if letter.task_name)
    listed = told("dead-letters")
    one = told("dead-letters", str(unknown.letter_id))
    status = told("status")
    again = told("dead-letters", "--redeliver", str(unknown.letter_id))
    eventually(lambda: len(kept()) == 2, SECONDS)
    discarded = told("dead-letters", "--discard", "--all")

    assert "Nobody.Knows" in listed.out
    assert "is for a task that is not known here" in listed.out
    assert SECRET not in listed.out
    assert "Nobody.Knows" in one.out
    assert "2 messages were set aside" in status.err
    assert again.status == 0
    assert unknown.letter_id not in {letter.letter_id for letter in kept()}
    assert discarded.status == 0
    assert kept() == []


def test_an_unknown_letter_and_a_missing_choice_are_told(worked: TestFleet) -> None:
    missing = told("dead-letters", "--redeliver", str(uuid4()))
    nothing = told("dead-letters", "--discard")
    both = told("dead-letters", "--discard", "--redeliver", "--all")

    assert missing.status == 1
    assert "is not among the dead letters" in missing.err
    assert nothing.status == both.status == 2


@pytest.mark.parametrize(
    "news", ["5", "[]", "{}", '{"body": 7}', "[" * 5000 + "]" * 5000, "no JSON"]
)
@pytest.mark.parametrize("channel", ["/0.celery.pidbox", "/0.celeryev/worker.heartbeat"])
def test_news_that_nobody_can_read_ends_no_worker(
    broker: Redis, toy: str, a_worker: tuple[TestFleet, Process], channel: str, news: str
) -> None:
    _, worker = a_worker
    heard = broker.publish(channel, news)
    done = submit(Ring(toy_id=toy, note=1)).get(timeout=SECONDS)

    assert heard
    assert done["version"] == 1
    assert worker.is_alive


def test_a_letter_for_a_queue_that_nobody_reads_stays(worked: TestFleet) -> None:
    dead_letters.post(dead_letters.letter("elsewhere", "is for a test", b"x"))
    refused = told("dead-letters", "--redeliver", "--all")

    assert refused.status == 1
    assert "no worker takes anything from the queue 'elsewhere'" in refused.err
    assert len(kept()) == 1
