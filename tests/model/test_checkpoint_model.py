"""However turns are taken, lost and stolen: one writes, and the rows are the fold."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import ClassVar

import psycopg
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from redis import Redis

from domain.event import Event
from store import checkpoints
from store.codec import RawEvent
from store.engine import Database, Role
from store.errors import FencedError
from store.event_store import Expected
from store.projector import Advanced
from store.read_model_tables import restart
from store.retrying_parked import retry_parked
from tests.fleets import broker
from tests.integration.lent import lent
from tests.integration.shelves import Shelf
from tests.model.holders import Holder, Onlooker, holder
from tests.model.searching import about
from tests.model.shelf_model import FORBIDDEN, Fact, ShelfModel
from tests.polling import eventually
from tests.toy_shelf import UNLUCKY, ToyShelf
from tests.toys import Labelled, Rang
from workers.embedded import Servers
from workers.lock import SingleWriterLock
from workers.settings import sqlalchemy_url

KEY = "fleetlog:lock:shelf"
NAMES = ("ada", "bob", "eve")
holders = st.sampled_from(NAMES)
toys = st.sampled_from(["bell", "gong", "horn"])
events = st.lists(
    st.one_of(
        st.builds(Rang, note=st.sampled_from([1, 2, 3, 4, UNLUCKY, FORBIDDEN])),
        st.builds(Labelled, text=st.sampled_from(["a", "b", "too long a label"])),
    ),
    min_size=1,
    max_size=4,
)
happenings = st.sampled_from([None, None, None, "an event", "a turn", "a retry", "a rebuild"])


class CheckpointMachine(RuleBasedStateMachine):
    """Three that would write one projection, each with its own view of whose turn it is."""

    database: ClassVar[Database]
    redis: ClassVar[Redis]
    onlooker: ClassVar[Onlooker]

    @initialize(sizes=st.lists(st.integers(1, 4), min_size=len(NAMES), max_size=len(NAMES)))
    def begin(self, sizes: list[int]) -> None:
        self.onlooker.empty()
        self.redis.flushall()
        self.shelf = Shelf(self.database, ToyShelf())
        self.model = ShelfModel(epoch=self.shelf.checkpoint().epoch)
        self.holders = {
            name: holder(self.database, name, size) for name, size in zip(NAMES, sizes, strict=True)
        }
        self.lock = SingleWriterLock(self.redis, lease_seconds=30)
        self.owner: str | None = None
        self.token: bytes | None = None
        self.before = self.onlooker.traces()

    @rule(toy=toys, happened=events)
    def append(self, toy: str, happened: list[Event]) -> None:
        appended = self.shelf.store.append_events(toy, Expected.ANY, happened, aggregate_type="Toy")
        places = zip(appended.positions, happened, strict=True)
        self.model.log += [Fact(position, toy, event) for position, event in places]

    @rule()
    def append_elsewhere(self) -> None:
        fact = RawEvent(event_type="Dusted", data={})
        self.shelf.store.append_events("s", Expected.ANY, [fact], aggregate_type="Shelf")

    @rule(name=holders)
    def take_over(self, name: str) -> None:
        """Whether the lock says so or was lost to us: the checkpoint cannot know."""
        taken = checkpoints.take_over(self.database, "toy_shelf", name)
        assert taken.epoch == self.model.raised()
        assert taken.last_global_sequence == self.model.position
        self.holders[name].stands(taken)

    @rule(name=holders, happening=happenings, by=holders)
    def advance(self, name: str, happening: str | None, by: str) -> None:
        mine = self.holders[name]
        if mine.checkpoint is None:
            return
        self.before = self.onlooker.traces()
        if happening is not None:
            mine.projector.meanwhile = partial(self.happen, happening, by)
        held = mine.checkpoint
        try:
            advanced = mine.projector.advance(held)
        except FencedError:
            assert not self.model.may_write(held)
            assert self.onlooker.traces() == self.before
        else:
            self.has_advanced(mine, held, advanced)

    def has_advanced(self, mine: Holder, held: checkpoints.Checkpoint, advanced: Advanced) -> None:
        if not self.model.may_write(held):  # it found nothing to write, and wrote nothing
            assert advanced.caught_up
            assert self.onlooker.traces() == self.before
            return
        assert advanced.checkpoint.epoch == self.model.epoch
        assert advanced.checkpoint.last_global_sequence >= self.model.position
        self.model.position = advanced.checkpoint.last_global_sequence
        if mine.checkpoint == held:
            mine.stands(advanced.checkpoint)

    def happen(self, happening: str, by: str) -> None:
        match happening:
            case "an event":
                self.append("bell", [Rang(note=1)])
            case "a turn":
                self.take_over(by)
            case "a retry":
                self.retry(by, None)
            case _:
                self.rebuild(by)
        self.before = self.onlooker.traces()

    @rule(name=holders)
    def catch_up(self, name: str) -> None:
        """Whoever takes its turn and is left alone reaches the end, whatever went before."""
        self.take_over(name)
        mine, batches = self.holders[name], 0
        caught_up = False
        while not caught_up:
            assert mine.checkpoint is not None
            advanced = mine.projector.advance(mine.checkpoint)
            self.has_advanced(mine, mine.checkpoint, advanced)
            caught_up, batches = advanced.caught_up, batches + 1
            assert batches <= 10 + 5 * len(self.model.log)
        assert self.model.position == self.shelf.store.safe_position()

    @rule(name=holders, pick=st.integers(0, 9), ahead=st.integers(-2, 5))
    def move_outdated(self, name: str, pick: int, ahead: int) -> None:
        """Neither an old epoch nor an old place is good for anything."""
        held = self.holders[name].outdated
        if not held or self.model.may_write(held[pick % len(held)]):
            return
        outdated, before = held[pick % len(held)], self.onlooker.traces()
        with self.database.connect(Role.PROJECTOR) as connection, pytest.raises(FencedError):
            checkpoints.move(connection, outdated, max(self.model.position + ahead, 0))
        if outdated.epoch != self.model.epoch:
            checkpoints.halt(self.database, outdated, "an old opinion")
        assert self.onlooker.traces() == before

    @rule(name=holders, toy=st.one_of(st.none(), toys))
    def retry(self, name: str, toy: str | None) -> None:
        parked = self.onlooker.parked()
        expected = {
            id: (self.model.digestible(positions), len(positions))
            for id, positions in parked.items()
            if toy in {None, id}
        }
        retried = retry_parked(self.holders[name].projector, name, toy)
        assert {one.aggregate_id: (one.folded, one.folded + one.left) for one in retried} == (
            expected
        )
        self.model.raised(len(retried))

    @rule(name=holders)
    def rebuild(self, name: str) -> None:
        restarted = restart(self.database, ToyShelf(), name)
        self.model.restarted()
        assert self.model.may_write(restarted)
        self.holders[name].stands(restarted)

    @rule(superstitious=st.booleans())
    def release(self, *, superstitious: bool) -> None:
        """Everybody runs other code from now on."""
        self.model.believe(superstitious=superstitious)
        for one in self.holders.values():
            assert isinstance(one.projector.projection, ToyShelf)
            one.projector.projection.superstitious = superstitious

    @rule(name=holders)
    def acquire(self, name: str) -> None:
        """As a worker does: who has the lock takes over."""
        mine = self.holders[name]
        if mine.block is not None:
            return
        mine.block = ExitStack()
        mine.extend = mine.block.enter_context(self.lock.try_acquire("shelf"))
        assert (mine.extend is not None) == (self.owner is None)
        if mine.extend is None:
            mine.leave()
            return
        self.owner, self.token = name, self.redis.get(KEY)  # type: ignore[assignment]
        self.take_over(name)

    @rule()
    def extend(self) -> None:
        """All renew who think they hold it; only the one who does can."""
        for name, one in self.holders.items():
            if one.extend is not None:
                self.redis.pexpire(KEY, 10_000)
                one.extend()
                left = self.redis.pttl(KEY)
                assert isinstance(left, int)
                assert (left > 10_000) == (self.owner == name)

    @rule()
    def sleep_past_the_lease(self) -> None:
        self.redis.pexpire(KEY, 1)
        eventually(lambda: not self.redis.exists(KEY))
        self.owner = self.token = None

    @rule(name=holders)
    def steal(self, name: str) -> None:
        """Nobody renewed in time, and somebody else comes."""
        self.sleep_past_the_lease()
        self.acquire(name)

    @rule(name=holders)
    def leave(self, name: str) -> None:
        """Let go of the lock, which may be a stranger's by now."""
        self.holders[name].leave()
        if self.owner == name:
            self.owner = self.token = None

    @invariant()
    def the_rows_are_the_fold(self) -> None:
        parked = self.onlooker.parked()
        assert self.onlooker.checkpoint() == (self.model.position, self.model.epoch)
        assert self.shelf.rows() == self.model.rows(parked)
        assert self.model.is_in_order(parked)

    @invariant()
    def at_most_one_may_write(self) -> None:
        held = [one.checkpoint for one in self.holders.values() if one.checkpoint is not None]
        assert sum(checkpoint.epoch == self.model.epoch for checkpoint in held) <= 1

    @invariant()
    def the_lock_is_whose_it_is(self) -> None:
        assert self.redis.get(KEY) == self.token
        assert (self.token is None) == (self.owner is None)

    def teardown(self) -> None:
        for one in getattr(self, "holders", {}).values():
            one.leave()


@pytest.fixture
def redis() -> Iterator[Redis]:
    with broker() as (url, _), Redis.from_url(url) as client:
        yield client


def test_one_writes_and_the_rows_are_the_fold(running: Servers, redis: Redis) -> None:
    with lent(running) as made, psycopg.connect(made.admin_url, autocommit=True) as connection:
        opened, broker_, looks = Database(sqlalchemy_url(made.url)), redis, Onlooker(connection)

        class Machine(CheckpointMachine):
            database, redis, onlooker = opened, broker_, looks

        run_state_machine_as_test(Machine, settings=about(examples=40, steps=40))
        opened.dispose()
