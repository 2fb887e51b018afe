"""What comes after a command: packed as plain JSON, unpacked as Celery left it."""

import json
from typing import Any

import pytest
from celery import Celery
from celery.app.task import Context

from domain.errors import InvalidFieldError
from workers.continuation import packed, restore, taken_from

app = Celery("elsewhere", set_as_current=False)


def step(name: str) -> dict[str, object]:
    return dict(app.signature(name, kwargs={"user_id": "kim"}, task_id=f"id of {name}"))


def test_nothing_comes_after_most_commands() -> None:
    assert packed(None, None, None) is None
    assert packed([], (), []) is None
    assert taken_from(Context()) is None


def test_links_and_chain_come_back_as_they_were() -> None:
    continuation = packed(step("one"), [step("two"), step("three")], [step("last"), step("next")])
    assert continuation
    kept = json.loads(json.dumps(continuation))
    request = Context()
    restore(kept, request)

    assert request.callbacks
    assert request.chain
    errbacks: list[Any] = list(request.errbacks or ())
    steps: list[Any] = list(request.chain)
    assert [link["task"] for link in request.callbacks] == ["one"]
    assert [link["task"] for link in errbacks] == ["two", "three"]
    assert [link["options"]["task_id"] for link in steps] == ["id of last", "id of next"]
    assert steps[0]["kwargs"] == {"user_id": "kim"}


def test_a_message_that_brought_its_own_is_packed_alike() -> None:
    request = Context(callbacks=[step("one")], errbacks=None, chain=[step("next")])

    assert taken_from(request) == packed([step("one")], None, [step("next")])


@pytest.mark.parametrize("missing", ["task", "args", "options"])
def test_what_celery_could_not_send_is_refused_at_once(missing: str) -> None:
    incomplete = step("next")
    del incomplete[missing]
    request = Context(callbacks=None, errbacks=None, chain=[incomplete])
    with pytest.raises(InvalidFieldError, match="chain"):
        taken_from(request)

    assert request.chain is None
