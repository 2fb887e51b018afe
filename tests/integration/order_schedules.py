"""
Schedules on which a careless reader misses an event.

Each is a little play: `a` and `b` are writers, and the reader polls at the worst of moments.
"""

import re

from tests.integration.order_load import INTO, Door, insert
from tests.integration.order_stage import Stage

REFUSED_ROW = "(gen_random_uuid(), 'a', 'Load', 'Loaded', 1, 0, '{}', '{}', now())"
CAUGHT = (
    f"do $$ begin {INTO} values {REFUSED_ROW}; "
    "exception when check_violation then perform 1; end $$"
)


def overtaken(stage: Stage, door: Door = insert) -> None:
    """`a` draws first, `b` commits first."""
    a, b = stage.session(), stage.session()
    a.execute("begin")
    door(a, "a", 1, 2)
    door(b, "b", 1, 2)
    stage.poller.poll()
    a.execute("commit")


def the_younger_draws_first(stage: Stage) -> None:
    """`a` has the older transaction id, but `b` the lower position."""
    a, b = stage.session(), stage.session()
    a.execute("begin")
    a.execute("select pg_current_xact_id()")
    b.execute("begin")
    insert(b, "b", 1, 1)
    insert(a, "a", 1, 1)
    a.execute("commit")
    stage.poller.poll()
    b.execute("commit")


def late_draws(stage: Stage) -> None:
    """`a` announces once, and draws again each time that others have moved on."""
    a, b = stage.session(), stage.session()
    a.execute("begin")
    for turn in (1, 2, 3):
        insert(a, "a", turn, 1)
        insert(b, "b", turn, 1)
        stage.poller.poll()
    a.execute("commit")


def drawn_again_after_a_savepoint(stage: Stage) -> None:
    """What `a` announced is taken back to a savepoint, its lock with it; then it draws again."""
    a, b = stage.session(), stage.session()
    a.execute("begin")
    a.execute("savepoint before")
    insert(a, "a", 1, 1)
    a.execute("rollback to savepoint before")
    insert(b, "b", 1, 1)
    stage.poller.poll()
    insert(a, "a", 1, 1)
    insert(b, "b", 2, 1)
    stage.poller.poll()
    a.execute("commit")


def undone_by_an_exception(stage: Stage) -> None:
    """The same, by the handler of an exception on the server."""
    a, b = stage.session(), stage.session()
    a.execute("begin")
    a.execute(CAUGHT.encode())
    insert(a, "a", 1, 1)
    insert(b, "b", 1, 1)
    stage.poller.poll()
    a.execute("commit")


def committed_while_the_reader_reads(stage: Stage) -> None:
    """The reading statement has its snapshot when `a` commits, the safe position is asked after."""
    a, b = stage.session(), stage.session()
    gate = stage.gate("fleetlog.safe_position", before=start_of_body)
    a.execute("begin")
    insert(a, "a", 1, 1)
    insert(b, "b", 1, 1)
    gate.close()
    page = stage.meanwhile(stage.poller.poll)
    gate.await_somebody()
    a.execute("commit")
    gate.open()
    page.result()


def drawn_between_the_two_looks(stage: Stage) -> None:
    """`a` and `b` draw between the reader's look at the sequence and the one at the locks."""
    a, b = stage.session(), stage.session()
    gate = stage.gate("fleetlog.safe_position", before=second_look)
    gate.close()
    page = stage.meanwhile(stage.poller.poll)
    gate.await_somebody()
    a.execute("begin")
    insert(a, "a", 1, 1)
    insert(b, "b", 1, 1)
    gate.open()
    page.result()
    a.execute("commit")


def slow_to_announce(stage: Stage) -> None:
    """`a` has looked at the sequence and is slow to take its lock; `b` is quick."""
    a, b = stage.session(), stage.session()
    gate = stage.gate("fleetlog.announce", before=taking_the_lock)
    b.execute("set stage.key = 'in hand'")
    gate.close()
    slow = stage.meanwhile(lambda: insert(a, "a", 1, 1))
    gate.await_somebody()
    insert(b, "b", 1, 1)
    stage.poller.poll()
    gate.open()
    slow.result()


def forged(stage: Stage, announced: str) -> None:
    """`a` has set what the trigger remembers, for the whole session, before it began."""
    a, b = stage.session(), stage.session()
    insert(b, "b", 1, 3)
    a.execute("select set_config('fleetlog.announced', %s, false)", (announced,))
    a.execute("begin")
    insert(a, "a", 1, 2)
    insert(b, "b", 4, 1)
    stage.poller.poll()
    a.execute("commit")


def forged_between_draws(stage: Stage, announced: str) -> None:
    """`a` announces honestly, then sets something else, and goes back to a savepoint as well."""
    a, b = stage.session(), stage.session()
    a.execute("begin")
    a.execute("savepoint before")
    insert(a, "a", 1, 1)
    a.execute("rollback to savepoint before")
    a.execute("select set_config('fleetlog.announced', %s, true)", (announced,))
    for turn in (1, 2):
        insert(b, "b", turn, 1)
        insert(a, "a", turn, 1)
        stage.poller.poll()
    a.execute("commit")


def start_of_body(definition: str) -> str:
    """Return the first statement of a function."""
    return str(re.findall(r"\nbegin\n *(.*)", definition)[0])


def second_look(definition: str) -> str:
    """Return the beginning of the last of the function's own two queries."""
    looks = re.findall(r"\n    (select .*)", definition)
    assert len(looks) == 2
    return str(looks[1])


def taking_the_lock(definition: str) -> str:
    return str(re.findall(r"perform pg_advisory_xact_lock_shared\(.*", definition)[0])
