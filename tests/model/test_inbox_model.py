"""However commands are accepted, worked off, parked and retried: each has one end, in order."""

from collections.abc import Iterator
from functools import partial
from operator import attrgetter
from typing import ClassVar
from uuid import UUID, uuid4

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from store.engine import Database
from store.errors import CommandIdReusedError
from store.event_store import EventStore, Expected
from store.inbox import CommandState, Inbox
from tests import toys
from tests.integration.inboxes import drain, handler, state_of, submission, work_off
from tests.integration.lent import lent
from tests.model.inbox_model import MAX_ATTEMPTS, WAITING, InboxModel, is_in_order
from tests.model.searching import about
from tests.toys import Label, Rang, Ring, RingAndRefuse, ToyCommand, fail
from workers.embedded import Servers
from workers.settings import sqlalchemy_url

NAMES = ("bell", "gong")
HANDLERS = 3
names = st.sampled_from(NAMES)
orders = st.lists(
    st.one_of(
        st.tuples(st.just("ring"), st.integers(0, 5)),
        st.tuples(st.just("label"), st.integers(0, 1)),
        st.tuples(st.just("refuse"), st.just(0)),
    ),
    min_size=1,
    max_size=4,
)
picks = st.integers(0, 20)
happenings = st.sampled_from(
    [None, None, "a stranger's event", "a command", "set aside", "another handler"]
)


def ordered(toy_id: str, kind: str, number: int) -> ToyCommand:
    match kind:
        case "ring":
            return Ring(toy_id=toy_id, note=number)
        case "label":
            return Label(toy_id=toy_id, text=f"label {number}")
        case _:
            return RingAndRefuse(toy_id=toy_id)


class InboxMachine(RuleBasedStateMachine):
    """Handlers with memories of their own take turns at the inboxes of a few toys."""

    database: ClassVar[Database]

    def __init__(self) -> None:
        super().__init__()
        self.inbox, self.store = Inbox(self.database), EventStore(self.database)
        self.handlers = [handler(self.database, max_attempts=MAX_ATTEMPTS) for _ in range(HANDLERS)]
        self.model = InboxModel()
        self.prefix = f"{uuid4().hex}-"
        self.trouble: list[Exception] = []

    @rule(name=names, what=orders)
    def accept(self, name: str, what: list[tuple[str, int]]) -> None:
        commands = [submission(ordered(self.prefix + name, *one)) for one in what]
        answers = self.inbox.accept(commands)
        assert [answer.standing for answer in answers] == ["new"] * len(commands)
        numbers = [answer.accepted_no for answer in answers]
        assert numbers == sorted(set(numbers))
        for one, (kind, number) in zip(commands, what, strict=True):
            command = ordered(self.prefix + name, kind, number)
            self.model.accepted(one.command_id, command)

    @precondition(lambda self: self.model.commands)
    @rule(pick=picks, another=st.booleans())
    def accept_again(self, pick: int, *, another: bool) -> None:
        """The same command has its standing; another one under its id takes all back with it."""
        id = self.picked(pick)
        command = self.model.commands[id]
        if not another:
            [answer] = self.inbox.accept([submission(command, id)])
            assert answer.standing == self.model.standing[id]
            return
        fresh, forged = submission(command), Ring(toy_id=command.toy_id, note=99)
        with pytest.raises(CommandIdReusedError):
            self.inbox.accept([fresh, submission(forged, id)])
        assert self.inbox.find(fresh.command_id) is None

    @rule(
        who=st.integers(0, HANDLERS - 1),
        which=st.lists(names, min_size=1, unique=True),
        suspicious=st.booleans(),
        happening=happenings,
        pick=picks,
    )
    def work(
        self, who: int, which: list[str], happening: str | None, pick: int, *, suspicious: bool
    ) -> None:
        ids = [self.prefix + name for name in which]
        if happening is not None:
            for id in ids:
                meanwhile = partial(self.happen, happening, id, pick)
                toys.hooks[id] = partial(self.interrupt, id, toys.hooks.get(id), meanwhile)
        worked = work_off(self.handlers[who], *ids, suspicious=suspicious)
        if happening is None and not toys.hooks.keys() & ids:  # nobody broken, nobody waiting
            assert worked.again_in is None
            assert [self.inbox.head(id) for id in ids] == [None] * len(ids)

    def interrupt(self, toy_id: str, before: object, meanwhile: object, command: object) -> None:
        """While the handler decides on the toy's command, something happens elsewhere, once."""
        assert callable(meanwhile)
        toys.hooks.pop(toy_id, None)
        if callable(before):
            toys.hooks[toy_id] = before
        try:
            meanwhile()
        except Exception as error:  # noqa: BLE001 - raised here, it would be the command's failure
            self.trouble.append(error)
        if callable(before):
            before(command)

    def happen(self, happening: str, toy_id: str, pick: int) -> None:
        match happening:
            case "a stranger's event":
                self.store.append_events(toy_id, Expected.ANY, [Rang(note=7)])
                self.model.strangers += 1
            case "a command":
                self.accept(toy_id.removeprefix(self.prefix), [("ring", 9), ("label", pick % 2)])
            case "set aside":
                head = self.inbox.head(toy_id)
                assert head is not None
                self.put_aside(head[0], "parked" if pick % 2 else "cancelled")
            case _:
                other = drain(self.database).run([toy_id], wait=False)
                assert (other.skipped, other.settled) == ([toy_id], set())

    @precondition(lambda self: self.model.commands)
    @rule(pick=picks, park=st.booleans())
    def set_aside(self, pick: int, *, park: bool) -> None:
        self.put_aside(self.picked(pick), "parked" if park else "cancelled")

    def put_aside(self, id: UUID, status: str) -> None:
        was_open = state_of(self.inbox, id).is_open
        assert self.inbox.set_aside(id, status, {"reason": "a person's word"}) == was_open
        if was_open:
            self.model.standing[id] = status

    @precondition(lambda self: self.model.commands)
    @rule(picks=st.lists(picks, max_size=2))
    def retry(self, picks: list[int]) -> None:
        """Those that were parked go to the end of their inboxes, no others."""
        parked = [id for id, standing in self.model.standing.items() if standing == "parked"]
        ids = list(dict.fromkeys([*(self.picked(pick) for pick in picks), *parked]))
        assert sorted(self.inbox.retry(ids)) == sorted(parked)
        for id in parked:
            self.model.standing[id] = WAITING
            state = state_of(self.inbox, id)
            others = [state_of(self.inbox, other) for other in self.model.commands]
            assert all(o.accepted_no < state.accepted_no for o in others if o.command_id not in ids)

    @rule(name=names, broken=st.booleans())
    def break_or_mend(self, name: str, *, broken: bool) -> None:
        toy_id = self.prefix + name
        toys.hooks.pop(toy_id, None)
        if broken:
            toys.hooks[toy_id] = fail
            self.model.ever_broken.add(toy_id)

    @invariant()
    def every_command_has_one_end_in_order(self) -> None:
        for error in self.trouble:
            raise error
        states = sorted(self.look(), key=attrgetter("accepted_no"))
        strangers = 0
        for name in NAMES:
            stream = self.store.load_events(self.prefix + name)
            mine = [
                (state, self.model.commands[state.command_id])
                for state in states
                if state.aggregate_id == self.prefix + name
            ]
            assert is_in_order(mine, stream)
            strangers += sum(event.metadata.command_id is None for event in stream)
        assert strangers == self.model.strangers

    def look(self) -> list[CommandState]:
        """See what the handlers made of the commands; no end is ever changed."""
        states = [state_of(self.inbox, id) for id in self.model.commands]
        for state in states:
            assert self.model.has_become(state.command_id, state.status, state.attempts)
        return states

    def picked(self, pick: int) -> UUID:
        ids = list(self.model.commands)
        return ids[-1 - pick % len(ids)]

    def teardown(self) -> None:
        toys.hooks.clear()


@pytest.fixture
def no_hooks() -> Iterator[None]:
    yield
    toys.hooks.clear()


def test_every_command_has_one_end_in_order(running: Servers, no_hooks: None) -> None:
    with lent(running) as made:
        opened = Database(sqlalchemy_url(made.url))

        class Machine(InboxMachine):
            database = opened

        run_state_machine_as_test(Machine, settings=about(examples=45, steps=30))
        opened.dispose()
