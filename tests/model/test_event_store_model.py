"""Whatever is asked of the event store, in whatever order, it answers as a few lists would."""

import json
from typing import ClassVar
from uuid import uuid4

import pytest
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from store.codec import AnyEvent, RawEvent
from store.engine import Database, Role
from store.errors import AggregateTypeError, ConcurrencyError, StoreError, UnknownEventError
from store.event_store import Appended, CommandRow, EventStore, Expected
from store.recorded import RecordedEvent
from store.repository import Repository
from store.snapshots import save
from tests.integration.lent import lent
from tests.model.event_model import Attempt, EventModel, as_kept, folded, state
from tests.model.searching import about
from tests.toys import Labelled, Rang, Toy
from workers.embedded import Servers
from workers.settings import sqlalchemy_url

NAMES = ("bell", "gong", "horn")
streams = st.sampled_from(NAMES)
notes = st.integers(-3, 3)
typed = st.one_of(
    st.builds(Rang, note=notes), st.builds(Labelled, text=st.sampled_from(["", "é", "far away"]))
)
# Facts of another system: one that a class here knows by name, and one that none does.
raw = st.builds(lambda n: RawEvent(event_type="Rang", data={"note": n}), notes)
unknown = st.builds(lambda n: RawEvent(event_type="Dusted", data={"by": [n]}, version=2), notes)
several = st.lists(st.one_of(typed, typed, raw), max_size=4)
types = st.sampled_from(["Toy", "Shelf"])
# Against the stream's version: right, stale, in the future; or none of these.
expectations = st.sampled_from(["right", "any", "exists", "none", "stale", "future"])
repeats = st.sampled_from(
    ["same", "same, written otherwise", "another payload", "another type", "bare"]
)


class EventStoreMachine(RuleBasedStateMachine):
    """The store and its model, told the same; streams of an example are its own."""

    database: ClassVar[Database]

    def __init__(self) -> None:
        super().__init__()
        self.store, self.repository = EventStore(self.database), Repository(self.database)
        self.model = EventModel()
        self.prefix = f"{uuid4().hex}-"
        self.start = self.store.safe_position()
        self.read: list[RecordedEvent] = []

    @rule(name=streams, says=expectations, events=several, command=st.booleans())
    def append(self, name: str, says: str, events: list[AnyEvent], *, command: bool) -> None:
        brought = new_command() if command else None
        self.attempt(name, says, events, "Toy", brought)

    @rule(name=streams, says=expectations, events=st.lists(unknown, max_size=2))
    def append_to_a_shelf(self, name: str, says: str, events: list[AnyEvent]) -> None:
        """Refused where the stream is a toy's; where it is new, it is refused to toys later."""
        self.attempt(name, says, events, "Shelf", None)

    @rule(name=streams, event=unknown)
    def append_what_no_class_knows(self, name: str, event: AnyEvent) -> None:
        self.attempt(name, "exists", [event], "Toy", None)

    @rule(name=streams, says=expectations, event=typed)
    def append_what_a_shelf_does_not_declare(self, name: str, says: str, event: AnyEvent) -> None:
        self.attempt(name, says, [event], "Shelf", new_command())

    @rule(name=streams, says=expectations, events=several, type_=types)
    def append_for_a_command_nobody_accepted(
        self, name: str, says: str, events: list[AnyEvent], type_: str
    ) -> None:
        self.attempt(name, says, events, type_, CommandRow(uuid4()))

    @precondition(lambda self: self.model.done)
    @rule(name=streams, says=expectations, event=typed, pick=st.integers(0, 9))
    def send_a_command_again(self, name: str, says: str, event: AnyEvent, pick: int) -> None:
        self.attempt(name, says, [event], "Toy", self.known_command(pick, "same"))

    @precondition(lambda self: self.model.done)
    @rule(
        name=streams,
        says=expectations,
        events=several,
        type_=types,
        pick=st.integers(0, 9),
        how=repeats,
    )
    def repeat_a_command(
        self, name: str, says: str, events: list[AnyEvent], type_: str, pick: int, how: str
    ) -> None:
        """Whatever comes with it now: it has its answer, or its id is another's."""
        self.attempt(name, says, events, type_, self.known_command(pick, how))

    @rule(name=streams, events=several)
    def append_and_roll_back(self, name: str, events: list[AnyEvent]) -> None:
        attempt = Attempt(self.prefix + name, Expected.ANY, events, "Toy", new_command())
        if self.model.judge(attempt) is not None:
            return
        engine = self.database.engine(Role.WRITER)
        transactional = engine.execution_options(isolation_level="READ COMMITTED")
        with transactional.connect() as connection:
            self.store.append_events(
                attempt.stream,
                attempt.expected,
                attempt.events,
                aggregate_type=attempt.aggregate_type,
                command=attempt.command,
                connection=connection,
            )
            connection.rollback()

    @rule(name=streams, version=st.integers(0, 12))
    def load(self, name: str, version: int) -> None:
        stream = self.prefix + name
        expected = self.model.stream(stream)
        assert as_kept(self.store.load_events(stream)) == expected
        assert as_kept(self.store.load_events_from_version(stream, version)) == expected[version:]
        if self.known_toy(stream):
            toy = self.repository.load_at(Toy, stream, version=version)
            assert state(toy) == folded(expected[:version])

    @rule(place=st.integers(0, 30), shift=st.integers(-1, 1), limit=st.integers(1, 12))
    def read_all(self, place: int, shift: int, limit: int) -> None:
        log = self.model.log
        position = log[place % len(log)].position + shift if log else self.start
        after = max(position, self.start)
        assert as_kept(self.store.get_all_events(after, limit)) == self.model.after(after)[:limit]

    @precondition(lambda self: self.model.log)
    @rule(name=streams, back=st.integers(0, 3))
    def take_snapshot(self, name: str, back: int) -> None:
        """Keep a snapshot of now or of a while ago, which must not replace a newer one."""
        stream = self.prefix + name
        version = self.model.version(stream) - back
        if self.known_toy(stream) and version > 0:
            toy = self.repository.load_at(Toy, stream, version=version)
            with self.database.connect(Role.PROJECTOR) as connection:
                save(connection, toy)

    @precondition(lambda self: self.model.log)
    @rule(name=streams, behind=st.booleans(), number=notes)
    def save_aggregate(self, name: str, number: int, *, behind: bool) -> None:
        stream = self.prefix + name
        if not self.known_toy(stream):
            return
        toy = self.repository.load(Toy, stream)
        toy.record(Rang(note=number))
        if behind:
            meanwhile = Attempt(stream, Expected.ANY, [Rang(note=0)], "Toy")
            self.model.keep(meanwhile, self.append_it(meanwhile))
            with pytest.raises(ConcurrencyError):
                self.repository.save(toy)
        else:
            attempt = Attempt(stream, self.model.version(stream), toy.pending[:], "Toy")
            self.model.keep(attempt, self.repository.save(toy))
            assert not toy.pending

    @invariant()
    def it_holds_what_the_model_holds(self) -> None:
        """Nothing more, nothing less, nothing changed since it was first read."""
        found = self.store.get_all_events(self.start, limit=10_000)
        assert as_kept(found) == self.model.log
        assert found[: len(self.read)] == self.read
        assert len({event.event_id for event in found}) == len(found)
        for name in NAMES:
            mine = [event for event in found if event.aggregate_id == self.prefix + name]
            assert [event.sequence_number for event in mine] == list(range(1, len(mine) + 1))
            times = [event.timestamp for event in mine]
            assert times == sorted(times)
        self.read = found

    @invariant()
    def its_toys_are_the_fold_with_and_without_a_snapshot(self) -> None:
        for name in NAMES:
            stream = self.prefix + name
            events = self.model.stream(stream)
            if self.known_toy(stream):
                assert state(self.repository.load(Toy, stream)) == folded(events)
                continue
            misfit = AggregateTypeError if events[0].aggregate_type != "Toy" else UnknownEventError
            with pytest.raises(misfit):
                self.repository.load(Toy, stream)

    def attempt(
        self,
        name: str,
        says: str,
        events: list[AnyEvent],
        type_: str,
        command: CommandRow | None,
    ) -> None:
        stream = self.prefix + name
        attempt = Attempt(stream, self.expected(stream, says), events, type_, command)
        due = self.model.judge(attempt)
        note(f"due: {due}")
        if isinstance(due, type):
            self.is_refused(attempt, due)
            return
        appended = self.append_it(attempt)
        if due is None:
            assert not appended.repeated
            self.model.keep(attempt, appended)
        else:
            assert appended.repeated
            assert (appended.version, appended.positions) == (due.version, due.positions)

    def append_it(self, attempt: Attempt) -> Appended:
        return self.store.append_events(
            attempt.stream,
            attempt.expected,
            attempt.events,
            aggregate_type=attempt.aggregate_type,
            command=attempt.command,
        )

    def is_refused(self, attempt: Attempt, due: type[StoreError]) -> None:
        with pytest.raises(StoreError) as refusal:
            self.append_it(attempt)
        assert type(refusal.value) is due
        if isinstance(refusal.value, ConcurrencyError):
            assert refusal.value.actual == self.model.version(attempt.stream)

    def expected(self, stream: str, says: str) -> int:
        version = self.model.version(stream)
        return {
            "right": version,
            "stale": max(version - 1, 0),
            "future": version + 1,
            "none": Expected.NO_STREAM,
            "any": Expected.ANY,
            "exists": Expected.EXISTS,
        }[says]

    def known_command(self, pick: int, how: str) -> CommandRow:
        """Return one of the commands that are done, as it was or not quite."""
        known = list(self.model.done.items())
        id, done = known[pick % len(known)]
        payload, kind = json.dumps(done.payload), done.command_type
        return {
            "same": CommandRow(id, kind, payload),
            "same, written otherwise": CommandRow(id, kind, json.dumps(done.payload, indent=2)),
            "another payload": CommandRow(id, kind, '{"n": 2}'),
            "another type": CommandRow(id, "Label", payload),
            "bare": CommandRow(id),
        }[how]

    def known_toy(self, stream: str) -> bool:
        """Whether today's code can fold this stream into a toy; an empty one it can."""
        events = self.model.stream(stream)
        return all((e.aggregate_type, e.event_type) != ("Toy", "Dusted") for e in events) and (
            not events or events[0].aggregate_type == "Toy"
        )


def new_command() -> CommandRow:
    return CommandRow(uuid4(), "Ring", '{"n": 1, "m": [1]}')


def test_the_store_answers_as_its_model_does(running: Servers) -> None:
    with lent(running) as made:
        opened = Database(sqlalchemy_url(made.url))

        class Machine(EventStoreMachine):
            database = opened

        run_state_machine_as_test(Machine, settings=about(examples=40, steps=40))
        opened.dispose()
