"""rebuild: a long past folded anew beside the live rows while commands come: who notices?"""

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.command import connected, settings
from benchmarks.freshness import PER_SECOND, fleet
from benchmarks.harness import Answers, Effort, Result
from benchmarks.stage import stage

EVENTS, QUICKLY = 1_000_000, 50_000
FRESH_MS = 1000.0  # how fresh the live rows are to be meanwhile, for 99 of 100 commands
SWAP_MS = 100.0  # for how long the swap may hold its locks


def ask(effort: Effort) -> Answers:
    """
    Yield how fresh the live rows were, and how long the swap held its locks, each beside its aim.

    Fails when a read of the live table fails or finds fewer rows than before, and when the new
    rows are not those of a fold from scratch.
    """
    events = QUICKLY if effort.quick else EVENTS
    with stage() as servers, TemporaryDirectory(prefix="fleetlog-benchmarks-") as place:
        environment = settings(servers, Path(place))
        with connected(environment), fleet(environment, Path(place), doorbell=True):
            # Importing what submits reads the settings.
            from benchmarks.rebuilding import rebuilt_under_load  # noqa: PLC0415

            found = rebuilt_under_load(servers, events, PER_SECOND)
    case = f"{events:,} events, {PER_SECOND} commands/s"
    share = f"p99 of {len(found.ages):,}, rebuilt in {found.seconds:.0f} s"
    yield beside_aim(f"{case}, {share}", "done to visible", found.percentile(0.99), FRESH_MS)
    yield beside_aim(case, "locks of the swap", found.swap_ms, SWAP_MS)


def beside_aim(case: str, what: str, milliseconds: float, aim: float) -> Result:
    return Result(
        question="rebuild",
        case=case,
        unit="ms (less is better)",
        ours=what,
        other="aim",
        ours_rate=milliseconds,
        other_rate=aim,
        ratio=aim / milliseconds,
        ratios=(aim / milliseconds,),
        floor=1.0,
    )
