"""What generations promise: who stands where, what each has folded, and what it has set aside."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from store.checkpoints import Checkpoint, reader_name
from tests.model.shelf_model import Fact, folded, is_unlucky
from tests.toy_shelf import ToyEntry

NAME = "toy_shelf"


@dataclass
class ReaderModel:
    """One reader's place and turn."""

    epoch: int
    position: int = 0


@dataclass
class GenerationModel:
    """One generation: its readers by name, what it has folded of each toy, and what waits."""

    number: int
    readers: dict[str, ReaderModel]
    folded: dict[str, list[Fact]] = field(default_factory=dict)
    parked: dict[str, list[Fact]] = field(default_factory=dict)

    def rows(self) -> dict[str, ToyEntry]:
        return {toy: folded(toy, [f.event for f in facts]) for toy, facts in self.folded.items()}

    def waiting(self) -> dict[str, list[int]]:
        return {toy: [fact.position for fact in facts] for toy, facts in self.parked.items()}

    def take(self, fact: Fact, *, superstitious: bool) -> None:
        """Fold it, unless it is poison or its stream waits already."""
        if fact.toy_id in self.parked or (superstitious and is_unlucky(fact.event)):
            self.parked.setdefault(fact.toy_id, []).append(fact)
        else:
            self.folded.setdefault(fact.toy_id, []).append(fact)


@dataclass
class GenerationsModel:
    """At most three of them: live, next and previous; each is found by how it stands."""

    share: Callable[[str, int], int]
    standing: dict[str, GenerationModel]
    start: int = 0
    superstitious: bool = True
    log: list[Fact] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.log[-1].position if self.log else self.start

    def begun(self, readers: list[Checkpoint]) -> None:
        number = max(one.number for one in self.standing.values()) + 1
        assert {one.generation for one in readers} == {number}
        names = {one.projection_name: ReaderModel(one.epoch) for one in readers}
        self.standing["next"] = GenerationModel(number, names)

    def advanced(self, standing: str, name: str, until: int) -> None:
        """This reader goes on to a position, with the toys that are its share."""
        generation = self.standing[standing]
        reader = generation.readers[name]
        share = list(generation.readers).index(name)
        for fact in self.log:
            if reader.position < fact.position <= until and (
                self.share(fact.toy_id, len(generation.readers)) == share
            ):
                generation.take(fact, superstitious=self.superstitious)
        reader.position = max(reader.position, until)

    def is_aligned(self) -> bool:
        live, coming = self.standing["live"], self.standing["next"]
        positions = [one.position for one in coming.readers.values()]
        return min(positions) >= max(one.position for one in live.readers.values()) and (
            len(set(positions)) == 1
        )

    def swapped(self, standing: str) -> None:
        """The two change places; whoever wrote one of them before can write no more."""
        live, coming = self.standing["live"], self.standing.pop(standing)
        everybody = [*live.readers.values(), *coming.readers.values()]
        epoch = max(one.epoch for one in everybody) + 1
        place = next(iter(coming.readers.values())).position
        coming.readers = {NAME: ReaderModel(epoch, place)}
        [one] = live.readers.values()
        back = reader_name(NAME, 0, 1, live.number)
        live.readers = {back: replace(one, epoch=one.epoch + 1)}
        self.standing |= {"live": coming, "previous": live}

    def retried(self) -> int:
        """Every parked stream of the live one is folded as far as it goes, and raises the epoch."""
        live = self.standing["live"]
        parked, live.parked = live.parked, {}
        for facts in parked.values():
            for fact in facts:
                live.take(fact, superstitious=self.superstitious)
        live.readers[NAME].epoch += len(parked)
        return len(parked)

    def may_write(self, held: Checkpoint) -> str | None:
        """Return how the generation stands whose reader this checkpoint still is, if it is one."""
        for standing, generation in self.standing.items():
            reader = generation.readers.get(held.projection_name)
            if reader and (reader.epoch, reader.position, generation.number) == (
                *(held.epoch, held.last_global_sequence),
                held.generation,
            ):
                return standing
        return None
