"""The gate: first the tests as they are, then each mutant against its own."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutants.mutant import DoesNotApplyError, Mutant, apply
from tests.mutants.reading import CannotRunError, Judged, Red, Verdict, judge
from tests.mutants.running import LIMIT_SECONDS, PACKAGES, copied, require_own_modules, run

AT_ONCE = 2  # each brings a PostgreSQL of its own, some a whole fleet
BASELINE_SECONDS = 900.0


@dataclass(frozen=True)
class Gate:
    """`say` is told how far we are; `packages` must come from the copies, not from elsewhere."""

    root: Path
    say: Callable[[str], None]
    packages: Sequence[str] = field(default=PACKAGES)

    def run(self, mutants: Sequence[Mutant]) -> list[Judged]:
        """Judge each, in the order given; raises CannotRunError when nothing can be judged."""
        # One copy for all to begin with: somebody may be at work on the project meanwhile.
        with copied(self.root) as original:
            self.require_green(original, mutants)
            with ThreadPoolExecutor(AT_ONCE) as threads:
                futures = [threads.submit(self.judged, original, mutant) for mutant in mutants]
                for done, future in enumerate(as_completed(futures), start=1):
                    self.say(f"[{done}/{len(mutants)}] {progress(future.result())}")
        return [future.result() for future in futures]

    def require_green(self, original: Path, mutants: Sequence[Mutant]) -> None:
        """A test that is red anyway says nothing about a mutant."""
        tests = list(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
        self.say(f"{len(tests)} tests without any mutant ...")
        with copied(original) as copy, timed() as clock:
            require_own_modules(copy, self.packages)
            reds = run(copy, tests, BASELINE_SECONDS)
        if reds:
            raise CannotRunError(f"red without any mutant: {all_of(reds)}")
        self.say(f"{len(tests)} tests without any mutant: green in {clock():.0f} s")

    def judged(self, original: Path, mutant: Mutant) -> Judged:
        with copied(original) as copy, timed() as clock:
            try:
                apply(mutant, copy)
                require_own_modules(copy, self.packages)
                reds = run(copy, mutant.tests, LIMIT_SECONDS)
                return judge(mutant, reds, clock())
            except (DoesNotApplyError, CannotRunError) as error:
                return Judged(mutant, Verdict.ERROR, said=str(error), seconds=clock())


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    """Lend a clock that says how many seconds have passed."""
    started = time.monotonic()
    yield lambda: time.monotonic() - started


def progress(judged: Judged) -> str:
    by = f" by {judged.caught_by[0]}" if judged.caught_by else ""
    return f"{judged.mutant.name}: {judged.verdict}{by} ({judged.seconds:.0f} s)"


def all_of(reds: Iterable[Red]) -> str:
    return "; ".join(
        f"{red.test} ({red.said.splitlines()[0] if red.said else '?'})" for red in reds
    )
