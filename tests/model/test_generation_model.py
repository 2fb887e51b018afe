"""However generations are built, swapped and brought back: each is the fold it says it is."""

from typing import Any, ClassVar

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

from store import generations
from store.checkpoints import Checkpoint
from store.engine import Database
from store.errors import FencedError, GenerationError, NotAlignedError
from store.event_store import Expected
from store.retrying_parked import retry_parked
from tests.integration.generations import Generations
from tests.integration.lent import lent
from tests.integration.shelves import OWNER
from tests.model.generation_model import NAME, GenerationModel, GenerationsModel, ReaderModel
from tests.model.searching import about
from tests.model.shelf_model import Fact
from tests.toy_shelf import UNLUCKY, ToyEntry, ToyShelf
from tests.toys import Rang
from workers.embedded import Servers
from workers.settings import sqlalchemy_url

EMPTY = """
do $$ declare one text; begin
    for one in select relname from pg_class where relname like 'toy\\_shelf%' and relkind = 'r'
    loop execute 'drop table fleetlog_read_models.' || quote_ident(one); end loop; end $$;
alter table fleetlog.events disable trigger events_no_truncate;
truncate fleetlog.events, fleetlog.parked_events, fleetlog.projection_checkpoints;
alter table fleetlog.events enable always trigger events_no_truncate
"""
READERS = """
select standing, generation, projection_name, epoch, last_global_sequence
from fleetlog.projection_checkpoints order by standing, projection_name
"""
PARKED = """
select c.standing, p.aggregate_id, array_agg(p.global_sequence order by p.global_sequence)
from fleetlog.parked_events p left join fleetlog.projection_checkpoints c using (projection_name)
group by 1, 2
"""
TABLES = r"""
select relname::text from pg_class where relname ~ '^toy_shelf(__g\d+)?$' and relkind = 'r'
"""
standings = st.sampled_from(["next", "previous"])
toys = st.sampled_from(["bell", "gong", "horn", "lute", "oboe"])
notes = st.lists(st.sampled_from([1, 2, 3, UNLUCKY]), min_size=1, max_size=3)
picks = st.integers(0, 99)


class GenerationMachine(RuleBasedStateMachine):
    """One shelf, its generations, and writers that hold on to what they once were given."""

    database: ClassVar[Database]
    admin: ClassVar["psycopg.Connection[tuple[Any, ...]]"]

    @initialize(filled=st.dictionaries(toys, notes, min_size=3))
    def begin_with_a_new_shelf(self, filled: dict[str, list[int]]) -> None:
        self.admin.execute(EMPTY)
        self.shelf = Generations(self.database, ToyShelf())
        [live] = self.shelf.readers()
        first = GenerationModel(live.generation, {NAME: ReaderModel(live.epoch)})
        self.model = GenerationsModel(
            self.share, {"live": first}, start=self.shelf.store.safe_position()
        )
        self.held: list[Checkpoint] = []
        for toy, rung in filled.items():
            self.append(toy, rung)

    def share(self, toy: str, shares: int) -> int:
        return int(self.asked("select fleetlog.partition_of(%s, %s)", toy, shares)[0][0])

    def asked(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.admin.execute(query.encode(), values).fetchall()

    @rule(toy=toys, rung=notes)
    def append(self, toy: str, rung: list[int]) -> None:
        events = [Rang(note=note) for note in rung]
        appended = self.shelf.store.append_events(toy, Expected.ANY, events, aggregate_type="Toy")
        places = zip(appended.positions, events, strict=True)
        self.model.log += [Fact(position, toy, event) for position, event in places]

    @rule(superstitious=st.booleans())
    def release(self, *, superstitious: bool) -> None:
        """Everybody runs other code from now on."""
        self.model.superstitious = superstitious
        self.shelf.projection.superstitious = superstitious

    @rule(shares=st.integers(1, 3))
    def begin(self, shares: int) -> None:
        begun = self.shelf.begin(shares=shares)
        if "next" not in self.model.standing:
            assert len(begun) == shares
            self.model.begun(begun)

    @rule(standing=st.sampled_from(["live", "next"]), pick=picks, left=st.integers(0, 4))
    def go_on(self, standing: str, pick: int, left: int) -> None:
        """One reader takes its turn and goes on, to the end or to somewhere before it."""
        if standing in self.model.standing:
            self.bring(standing, pick, max(0, self.model.end - left))

    @rule(shares=st.integers(1, 3))
    def rebuild(self, shares: int) -> None:
        """As somebody does who is left alone."""
        self.begin(shares)
        self.build_to_the_end()
        self.swap("next")

    @rule()
    def build_to_the_end(self) -> None:
        for standing in ("next", "live"):
            for pick in range(len(self.model.standing.get(standing, self.nothing).readers)):
                self.bring(standing, pick, self.model.end)

    nothing = GenerationModel(0, {})

    def bring(self, standing: str, pick: int, until: int) -> None:
        readers = self.shelf.readers(standing)
        reader = readers[pick % len(readers)]
        name = reader.projection_name
        self.model.standing[standing].readers[name].epoch += 1
        self.held.append(self.shelf.bring(reader, until=until))
        self.model.advanced(standing, name, until)

    @rule(standing=standings)
    def swap(self, standing: str) -> None:
        self.hold_on()
        if standing not in self.model.standing:
            with pytest.raises(GenerationError):
                self.shelf.swap(standing)
            return
        if standing == "next" and not self.model.is_aligned():
            with pytest.raises(NotAlignedError):
                self.shelf.swap()
        else:
            self.shelf.swap(standing)
            self.model.swapped(standing)
            self.try_again(0)
            self.try_again(1)

    def hold_on(self) -> None:
        """Everybody keeps the checkpoint that was right until now."""
        for standing in self.model.standing:
            self.held += self.shelf.readers(standing)

    @rule(standing=standings)
    def give_up(self, standing: str) -> None:
        self.hold_on()
        was_there = generations.give_up(self.database, self.shelf.projection, standing)
        assert was_there == (self.model.standing.pop(standing, None) is not None)

    @rule()
    def retry(self) -> None:
        retried = retry_parked(self.shelf.projector, OWNER)
        assert len(retried) == self.model.retried()

    @rule(pick=picks)
    def try_again(self, pick: int) -> None:
        """Whoever held a turn of any generation comes back and writes, if it is still its own."""
        if not self.held:
            return
        held = self.held[-1 - pick % min(len(self.held), 9)]
        standing, before = self.model.may_write(held), self.seen()
        try:
            self.shelf.projector_of(held).advance(held)
        except FencedError:
            assert standing is None
        if standing is None:
            assert self.seen() == before
        else:
            self.model.advanced(standing, held.projection_name, self.model.end)

    def seen(self) -> list[list[tuple[Any, ...]]]:
        tables = sorted(name for (name,) in self.asked(TABLES))
        rows = [self.asked(f"select * from fleetlog_read_models.{t} order by 1") for t in tables]
        return [self.asked(READERS), self.asked(PARKED), *rows]

    @invariant()
    def all_stand_where_they_should(self) -> None:
        assert self.asked(READERS) == sorted(
            (standing, one.number, name, reader.epoch, reader.position)
            for standing, one in self.model.standing.items()
            for name, reader in one.readers.items()
        )

    @invariant()
    def the_rows_of_each_are_its_own_fold(self) -> None:
        suffixes = {
            standing: "" if standing == "live" else f"__g{one.number}"
            for standing, one in self.model.standing.items()
        }
        assert {name for (name,) in self.asked(TABLES)} == {f"{NAME}{s}" for s in suffixes.values()}
        for standing, suffix in suffixes.items():
            rows = self.asked(f"select * from fleetlog_read_models.{NAME}{suffix}")
            found = {row[0]: ToyEntry(*row) for row in rows}
            assert found == self.model.standing[standing].rows(), standing

    @invariant()
    def what_waits_is_what_each_has_set_aside(self) -> None:
        found: dict[str, dict[str, list[int]]] = {}
        for standing, toy, positions in self.asked(PARKED):
            found.setdefault(standing, {})[toy] = positions
        wanted = {standing: one.waiting() for standing, one in self.model.standing.items()}
        assert found == {standing: waiting for standing, waiting in wanted.items() if waiting}


def test_each_generation_is_the_fold_it_says_it_is(running: Servers) -> None:
    with lent(running) as made, psycopg.connect(made.admin_url, autocommit=True) as connection:
        opened = Database(sqlalchemy_url(made.url))

        class Machine(GenerationMachine):
            database, admin = opened, connection

        run_state_machine_as_test(Machine, settings=about(examples=30, steps=25))
        opened.dispose()
