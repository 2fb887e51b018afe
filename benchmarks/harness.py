"""Contenders side by side: alternating rounds, and the median of each round's ratio."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TypeAlias

# Runs for a while and returns how much it did a second.
Contender: TypeAlias = Callable[[], float]
Answers: TypeAlias = "Iterator[Result]"


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long we look: `seconds` for one contender in one round, `quick` also for less data."""

    rounds: int
    seconds: float
    quick: bool = False

    @property
    def for_long_rounds(self) -> "Effort":
        return replace(self, rounds=min(self.rounds, FEW))


# Many short rounds: what else the machine does then meets both sides of a ratio alike.
FEW = 7  # rounds are enough where one takes seconds
THOROUGH = Effort(rounds=15, seconds=0.5)
QUICK = Effort(rounds=5, seconds=0.2, quick=True)


@dataclass(frozen=True)
class Pairing:
    """Whom to hold against whom; `floor` is the least ratio that is promised."""

    ours: str
    other: str
    floor: float | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """One ratio, with the rates it came from: medians over the rounds, all per second."""

    question: str
    case: str
    unit: str
    ours: str
    other: str
    ours_rate: float
    other_rate: float
    ratio: float
    ratios: tuple[float, ...]
    floor: float | None

    @property
    def missed(self) -> bool:
        return self.floor is not None and self.ratio < self.floor


def compare(  # noqa: PLR0913 - what a row of the table consists of
    question: str,
    case: str,
    unit: str,
    *,
    contenders: Mapping[str, Contender],
    pairings: Sequence[Pairing],
    effort: Effort,
) -> Answers:
    """Let the contenders run in turns, and yield the ratios that `pairings` ask for."""
    rates = race(contenders, effort.rounds)
    for pairing in pairings:
        ours, other = rates[pairing.ours], rates[pairing.other]
        ratios = tuple(a / b for a, b in zip(ours, other, strict=True))
        yield Result(
            question=question,
            case=case,
            unit=unit,
            ours=pairing.ours,
            other=pairing.other,
            ours_rate=median(ours),
            other_rate=median(other),
            ratio=median(ratios),
            ratios=ratios,
            floor=pairing.floor,
        )


def race(contenders: Mapping[str, Contender], rounds: int) -> dict[str, list[float]]:
    """
    Return the rates of every contender, round by round.

    Whatever else the machine does meets all of one round, so only ratios within a round are
    worth anything; every other round runs backwards, so that nobody always comes after somebody.
    A first round is not counted: it connects, prepares statements and fills caches.
    """
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(rounds + 1):
        for name in names if number % 2 else reversed(names):
            rate = contenders[name]()
            if number:
                rates[name].append(rate)
    return rates


def repeated(operation: Callable[[], object], seconds: float, each: int = 1) -> Contender:
    """Make a contender of one operation, which counts for `each`."""

    def run() -> float:
        done = 0
        begun = time.perf_counter()
        while (elapsed := time.perf_counter() - begun) < seconds:
            operation()
            done += each
        return done / elapsed

    return run


def timed(operation: Callable[[], int]) -> Contender:
    """Make a contender of one long operation, which returns how much it did."""

    def run() -> float:
        begun = time.perf_counter()
        done = operation()
        return done / (time.perf_counter() - begun)

    return run
