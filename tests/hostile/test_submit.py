"""Hostile commands through `submit` and `delay`: refused by their fields, or kept as they are."""

from itertools import count, islice

import pytest

from domain.errors import InvalidFieldError
from store.command_codec import command_class, make_command
from store.inbox import Submission
from tests.fleets import TestFleet
from tests.hostile.doors import INPUTS, SEARCHED, SUBMIT
from tests.hostile.generate import Hostile, hostile_commands, seeded
from tests.hostile.judging import as_kept, as_sent, differing_streams, kept, names_the_field
from tests.hostile.odd import as_python
from tests.integration.inboxes import rings, submission
from workers.command_tasks import TASKS_BY_NAME
from workers.fleet import fleet
from workers.submitting import submit, submit_many

TYPED, TOGETHER = 400, 20
ONE_BY_ONE = INPUTS[SUBMIT] - TYPED - TOGETHER - SEARCHED[SUBMIT]
# Our own classes for tests check nothing when they are made, so anything can be put into them.
UNCHECKED = {"Ring", "Label", "Put"}
CONSTRUCTIBLE = {"wrong type", "unstorable", "unprintable id", "enormous", "look-alike"}


def drawn(seed: int, number: int) -> list[Hostile]:
    return list(islice(hostile_commands(seeded(seed)), number))


def untyped(seed: int, number: int) -> list[Hostile]:
    """Draw commands of which an instance can be made, with whatever in its fields."""
    all_kinds = hostile_commands(seeded(seed))
    return list(
        islice(
            (h for h in all_kinds if h.command_type in UNCHECKED and h.kind in CONSTRUCTIBLE),
            number,
        )
    )


def send(hostile: Hostile) -> None:
    """Send it as a caller would who has nothing but names and values."""
    fields = as_python(hostile.fields)
    if hostile.command_type in TASKS_BY_NAME:
        TASKS_BY_NAME[hostile.command_type].apply_async(kwargs=fields)
    else:
        submit(make_command(hostile.command_type, fields))


def instance(hostile: Hostile) -> Submission:
    return submission(command_class(hostile.command_type)(**as_python(hostile.fields)))


def work_off_everything() -> set[str]:
    """Do what workers would; returns how the commands ended."""
    fleet.handler.work_off(fleet.inbox.inboxes(0, 10**9), suspicious=False)
    return {row.status for row in kept()}


def test_a_hostile_command_is_refused_by_its_field_or_kept_as_it_is(idle: TestFleet) -> None:
    sent = drawn(1, ONE_BY_ONE)
    for hostile in sent:
        if hostile.is_legal:
            send(hostile)
            continue
        with pytest.raises(InvalidFieldError) as refused:
            send(hostile)
        assert names_the_field(hostile, str(refused.value)), hostile
    statuses = work_off_everything()

    assert [as_kept(row) for row in kept()] == [as_sent(h) for h in sent if h.is_legal]
    assert statuses == {"done"}
    assert differing_streams() == []


def test_an_instance_with_anything_in_its_fields_is_refused_or_kept_as_it_is(
    idle: TestFleet,
) -> None:
    sent = untyped(2, TYPED)
    for hostile in sent:
        one = instance(hostile)
        if hostile.is_legal:
            submit(one.command)
            continue
        with pytest.raises(InvalidFieldError) as refused:
            submit(one.command)
        assert names_the_field(hostile, str(refused.value)), hostile
    statuses = work_off_everything()

    assert [as_kept(row) for row in kept()] == [as_sent(h) for h in sent if h.is_legal]
    assert statuses == {"done"}
    assert differing_streams() == []


def test_a_hostile_command_takes_its_chunk_back_and_the_good_ones_are_not_stuck(
    idle: TestFleet,
) -> None:
    numbers = count()
    bad_ones = [hostile for hostile in untyped(3, 10 * TOGETHER) if not hostile.is_legal][:TOGETHER]
    for hostile in bad_ones:
        toy = f"toy-{next(numbers)}"
        good = [submission(command) for command in rings(toy, range(10))]
        with pytest.raises(InvalidFieldError) as refused:
            list(submit_many([*good[:5], instance(hostile), *good[5:]]))
        assert names_the_field(hostile, str(refused.value)), hostile
        assert fleet.inbox.head(toy) is None
        list(submit_many(good))
    statuses = work_off_everything()

    assert statuses == {"done"}
    assert len(bad_ones) == TOGETHER
    assert len(kept()) == 10 * TOGETHER
