"""freshness: how long after a command is done does the read model show it, under a steady load?"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.command import BEAT, WORKER, connected, running, settings
from benchmarks.harness import Answers, Effort, Result
from benchmarks.stage import stage

PER_SECOND = 50
LONG, SHORT = 30.0, 8.0  # seconds of load
TICK_MS = 1000.0  # CHECKPOINT_INTERVAL_MS, as it is unless told


class Aim(NamedTuple):
    """How fresh, in milliseconds, this share of the commands is to be; or only held against it."""

    share: float
    within: float
    promised: bool = True


WITH_DOORBELL = (Aim(0.50, 50.0), Aim(0.99, 250.0))
# The last ones wait for a whole tick, and then for their batch.
WITHOUT = (Aim(0.50, TICK_MS), Aim(0.99, TICK_MS, promised=False))


def ask(effort: Effort) -> Answers:
    """Yield how fresh the user directory is, with the doorbell and with the beat alone."""
    seconds = SHORT if effort.quick else LONG
    with stage() as servers, TemporaryDirectory(prefix="fleetlog-benchmarks-") as place:
        environment = settings(servers, Path(place))
        with connected(environment):
            # Importing what submits reads the settings.
            from benchmarks.steady import ages_under_load  # noqa: PLC0415

            for doorbell, aims in ((True, WITH_DOORBELL), (False, WITHOUT)):
                with fleet(environment, Path(place), doorbell=doorbell):
                    ages = ages_under_load(servers, PER_SECOND, seconds)
                case = f"{PER_SECOND} commands/s, {'doorbell' if doorbell else 'beat alone'}"
                yield from (judged(case, ages, aim) for aim in aims)


@contextmanager
def fleet(environment: Mapping[str, str], home: Path, *, doorbell: bool) -> Iterator[None]:
    """Run a worker of two processes, and a beat."""
    theirs = {**environment, "FLEETLOG_DOORBELL": str(doorbell)}
    with running(WORKER, theirs, home / "worker.log"), running(BEAT, theirs, home / "beat.log"):
        yield


def judged(case: str, ages: list[float], aim: Aim) -> Result:
    """Hold what this share of the commands kept to against the aim."""
    found = ages[min(len(ages) - 1, int(aim.share * len(ages)))]
    return Result(
        question="freshness",
        case=f"{case}, p{aim.share * 100:.0f} of {len(ages):,}",
        unit="ms (less is better)",
        ours="done to visible",
        other="aim",
        ours_rate=found,
        other_rate=aim.within,
        ratio=aim.within / found,
        ratios=(aim.within / found,),
        floor=1.0 if aim.promised else None,
    )
