"""Accepting commands: in order, all or none, once, and in whose transaction."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.errors import InvalidFieldError
from domain.users import ReactivateUser
from store.codec import Metadata
from store.engine import Database, Role, driver_connection
from store.errors import CommandIdReusedError, UnknownCommandError
from store.event_store import EventStore
from store.inbox import Inbox, Submission
from tests.conftest import TestDatabase
from tests.integration.inboxes import (
    accept_unheard,
    handler,
    notes,
    rings,
    state_of,
    statuses,
    submission,
    submitted,
    work_off,
)
from tests.integration.lent import lent
from tests.integration.proxy import Trap, proxy
from tests.toys import Label, Ring
from workers.embedded import Servers
from workers.settings import sqlalchemy_url

LATER = timedelta(hours=1)


@pytest.fixture(scope="module")
def fresh(running: Servers) -> Iterator[TestDatabase]:
    """One database for all of these tests: each has a toy of its own."""
    with lent(running) as database:
        yield database


def test_commands_are_accepted_in_the_order_they_are_given(inbox: Inbox, toy: str) -> None:
    first = inbox.accept([submission(ring) for ring in rings(toy, range(300))])
    then = inbox.accept([submission(Ring(toy_id=f"{toy}-2", note=1))])
    numbers = [answer.accepted_no for answer in (*first, *then)]

    assert numbers == sorted(set(numbers))
    assert {answer.standing for answer in first} == {"new"}


def test_the_events_of_a_command_carry_its_envelope(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    envelope = Metadata(actor="kim", reason="they asked", correlation_id="c-1", causation_id="e-7")
    one = submission(Ring(toy_id=toy, note=1), metadata=envelope)
    inbox.accept([one])
    state = state_of(inbox, one.command_id)
    work_off(handler(database), toy)
    found = store.load_events(toy)[0].metadata

    assert (state.command_type, state.aggregate_id, state.status) == ("Ring", toy, "accepted")
    assert (found.actor, found.reason, found.correlation_id) == ("kim", "they asked", "c-1")
    assert found.command_id == found.causation_id == str(one.command_id)


def test_a_repeat_is_answered_with_the_standing_of_the_first(
    inbox: Inbox, database: Database, toy: str
) -> None:
    one = submission(Ring(toy_id=toy, note=1))
    answers = inbox.accept([one]) + inbox.accept([one])
    work_off(handler(database), toy)
    answers += inbox.accept([one])

    assert [answer.standing for answer in answers] == ["new", "accepted", "done"]
    assert len({answer.accepted_no for answer in answers}) == 1


def test_a_command_that_comes_twice_in_one_batch_is_new_once(inbox: Inbox, toy: str) -> None:
    one, other = (submission(ring) for ring in rings(toy, [1, 2]))
    answers = inbox.accept([one, other, one])

    assert [answer.standing for answer in answers] == ["new", "new", "accepted"]
    assert answers[0].accepted_no == answers[2].accepted_no < answers[1].accepted_no


@pytest.mark.parametrize("different", ["payload", "aggregate", "type"])
def test_an_id_that_named_another_command_refuses_the_whole_batch(
    inbox: Inbox, toy: str, different: str
) -> None:
    other = {
        "payload": Ring(toy_id=toy, note=2),
        "aggregate": Ring(toy_id=f"{toy}-2", note=1),
        "type": Label(toy_id=toy, text="x"),
    }[different]
    used = submission(Ring(toy_id=toy, note=1))
    inbox.accept([used])
    innocent = submission(Ring(toy_id=toy, note=3))
    with pytest.raises(CommandIdReusedError, match=str(used.command_id)):
        inbox.accept([innocent, submission(other, used.command_id)])

    assert inbox.find(innocent.command_id) is None
    assert state_of(inbox, used.command_id).aggregate_id == toy


def test_one_id_for_two_commands_of_a_batch_refuses_both(inbox: Inbox, toy: str) -> None:
    id = uuid4()
    with pytest.raises(CommandIdReusedError):
        inbox.accept([submission(ring, id) for ring in rings(toy, [1, 2])])

    assert inbox.find(id) is None


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (Label(toy_id="a", text="a\x00b"), "Label.text"),
        (Label(toy_id="a", text="\ud800"), "Label.text"),
        (Label(toy_id="a" * 256, text="x"), "Label.toy_id"),
        (Label(toy_id="a\nb", text="x"), "Label.toy_id"),
        (Label(toy_id="", text="x"), "Label.toy_id"),
        (Ring(toy_id="a", note=2**63), "Ring.note"),
    ],
    ids=["nul", "surrogate", "long_id", "control_in_id", "empty_id", "too_large"],
)
def test_what_cannot_be_kept_as_it_is_refuses_the_whole_batch_by_field(
    inbox: Inbox, toy: str, bad: Ring | Label, field: str
) -> None:
    innocent = submission(Ring(toy_id=toy, note=1))
    with pytest.raises(InvalidFieldError) as refused:
        inbox.accept([innocent, submission(bad)])

    assert str(refused.value).startswith(field)
    assert inbox.find(innocent.command_id) is None


def test_a_command_that_no_aggregate_answers_is_not_accepted(inbox: Inbox) -> None:
    class Stray(ReactivateUser):
        pass

    with pytest.raises(UnknownCommandError, match="Stray"):
        inbox.accept([submission(Stray(user_id="a"))])


def test_the_callers_rollback_takes_a_command_back(
    inbox: Inbox, database: Database, toy: str
) -> None:
    one = submission(Ring(toy_id=toy, note=1))
    with database.connect(Role.WRITER) as connection:
        with connection.transaction(force_rollback=True):
            answers = inbox.accept([one], connection)
        taken_back = inbox.find(one.command_id)
        with connection.transaction():
            inbox.accept([one], connection)

    assert answers[0].standing == "new"
    assert taken_back is None
    assert state_of(inbox, one.command_id).is_open


@pytest.mark.parametrize("kind", [sa.Connection, Session])
def test_a_command_is_accepted_with_what_the_caller_writes_or_not_at_all(
    inbox: Inbox, fresh: TestDatabase, toy: str, kind: type[sa.Connection | Session]
) -> None:
    engine = sa.create_engine(sqlalchemy_url(fresh.admin_url))
    kept, lost = (submission(ring) for ring in rings(toy, [1, 2]))
    with engine.connect() if kind is sa.Connection else Session(engine) as caller:
        caller.execute(sa.text("create temporary table note (id integer)"))
        accept_within(inbox, caller, kept)
        caller.commit()
        caller.execute(sa.text("insert into note values (1)"))
        accept_within(inbox, caller, lost)
        caller.rollback()
        written = caller.scalar(sa.text("select count(*) from note"))
    engine.dispose()

    assert state_of(inbox, kept.command_id).is_open
    assert inbox.find(lost.command_id) is None
    assert written == 0


@pytest.mark.parametrize("trap", Trap, ids=lambda trap: trap.name.lower())
def test_commands_are_accepted_once_however_the_connection_breaks(
    store: EventStore, database: Database, fresh: TestDatabase, toy: str, trap: Trap
) -> None:
    with proxy(fresh.url) as wire:
        far = Database(sqlalchemy_url(wire.url))
        Inbox(far).find(uuid4())
        wire.set(trap)
        submitted(Inbox(far), *rings(toy, [1, 2]))
        far.dispose()
    work_off(handler(database), toy)

    assert wire.traps == []
    assert notes(store, toy) == [1, 2]


def test_a_cancelled_command_is_not_worked_off(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    cancelled, other = submitted(inbox, *rings(toy, [1, 2]))
    in_time = inbox.set_aside(cancelled, "cancelled", None)
    work_off(handler(database), toy)
    too_late = inbox.set_aside(other, "cancelled", None)

    assert (in_time, too_late) == (True, False)
    assert statuses(inbox, [cancelled, other]) == ["cancelled", "done"]
    assert notes(store, toy) == [2]


def test_only_parked_commands_are_sent_to_the_end_of_their_inboxes(
    inbox: Inbox, database: Database, store: EventStore, toy: str
) -> None:
    parked, cancelled, waiting = submitted(inbox, *rings(toy, [1, 2, 3]))
    inbox.charge(parked)
    inbox.set_aside(parked, "parked", {"message": "tried too often"})
    inbox.set_aside(cancelled, "cancelled", None)
    retried = inbox.retry([parked, cancelled, waiting])
    forgiven = state_of(inbox, parked)
    work_off(handler(database), toy)

    assert retried == [parked]
    assert (forgiven.status, forgiven.attempts) == ("accepted", 0)
    assert notes(store, toy) == [3, 1]


def test_the_longest_waiting_inbox_comes_first(inbox: Inbox, toy: str) -> None:
    ids = [f"{toy}-{name}" for name in "cacbaz"]
    answers = inbox.accept([submission(Ring(toy_id=id, note=1)) for id in ids])
    numbers = [answer.accepted_no for answer in answers]

    assert inbox.inboxes(numbers[0], numbers[-2]) == [ids[0], ids[1], ids[3]]
    assert inbox.inboxes(numbers[-1], numbers[-1]) == [ids[-1]]


def test_relays_take_turns_over_what_is_overdue(inbox: Inbox, database: Database, toy: str) -> None:
    old, done = submitted(inbox, *(Ring(toy_id=f"{toy}-{n}", note=1) for n in (1, 2)))
    linked = Submission(
        command_id=uuid4(), command=Ring(toy_id=toy, note=1), continuation={"chain": ["…"]}
    )
    inbox.accept([linked])
    work_off(handler(database), toy, f"{toy}-2")
    too_young = inbox.take_overdue(LATER, 10_000)
    overdue = inbox.take_overdue(timedelta(0), 10_000)
    taken_already = inbox.take_overdue(LATER, 10_000)
    continued = {one.command_id: one.continued for one in overdue}

    assert too_young == taken_already == []
    assert (continued[old], continued[linked.command_id]) == (False, True)
    assert done not in continued


def test_a_message_that_can_never_be_a_command_gets_an_answer(inbox: Inbox, toy: str) -> None:
    id, known = uuid4(), submission(Ring(toy_id=toy, note=1))
    inbox.accept([known])
    for one in (id, known.command_id):
        inbox.refuse(one, "Ring", Metadata(actor="x"), {"message": "note is missing"})
    refused = state_of(inbox, id)

    assert (refused.status, refused.error) == ("rejected", {"message": "note is missing"})
    assert state_of(inbox, known.command_id).is_open


def test_the_head_of_an_inbox_is_its_first_open_command(
    inbox: Inbox, database: Database, toy: str
) -> None:
    first, second = submitted(inbox, *rings(toy, [1, 2]))
    accept_unheard(database, toy)
    heads = [inbox.head(toy), inbox.charge(first), inbox.head(toy)]
    inbox.set_aside(first, "parked", None)

    assert heads == [(first, 0), 1, (first, 1)]
    assert inbox.head(toy) == (second, 0)
    assert inbox.charge(first) is None
    assert inbox.head(f"{toy}-empty") is None


def accept_within(inbox: Inbox, caller: sa.Connection | Session, one: Submission) -> None:
    connection = caller.connection() if isinstance(caller, Session) else caller
    inbox.accept([one], driver_connection(connection))
