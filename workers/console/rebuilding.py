"""The screen of `fleetlog rebuild`: the next generation, built beside the live one."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from kombu.exceptions import OperationalError

from store import checkpoints, generations
from store.checkpoints import Checkpoint
from store.comparing import Comparison
from store.engine import Role
from store.errors import GenerationError
from store.event_store import read_safe_position
from workers import rebuilding
from workers.app import app
from workers.comparing import compared
from workers.console.bars import Bar, Bars
from workers.console.endings import Failure, Interrupted
from workers.console.output import add, counted, say, show, show_json, shown, span, table
from workers.fleet import fleet
from workers.projecting import named
from workers.standstill import NoStandstillError
from workers.swapping_in import Finished, finish

SWAP_SECONDS = 60.0
EXAMPLES = 20


@dataclass(frozen=True)
class Wish:
    """How a rebuild is to go."""

    restart: bool = False
    shares: int | None = None
    diff: bool = False
    hold: bool = False
    as_json: bool = False


def rebuild(name: str, wish: Wish) -> None:
    """Build beside, compare, swap; raises Failure when an event stops it, with nothing lost."""
    declared = named(name)
    if wish.restart:
        generations.give_up(fleet.database, declared)
    readers = rebuilding.begin(name, wish.shares)
    # Where nobody wants to look first, the fleet may swap it in, too.
    generations.hold(fleet.database, declared, held=wish.hold or wish.diff)
    start = time.monotonic()
    try:
        comparison = looked_at(name, readers[0].generation) if built(name, readers) else None
        if wish.hold:
            tell(name, None, comparison, wish, time.monotonic() - start)
            return
        finished = finish(name, within=SWAP_SECONDS)
    except KeyboardInterrupt:
        generations.hold(fleet.database, declared, held=wish.hold)
        raise Interrupted(left_to_the_fleet(name, held=wish.hold)) from None
    except NoStandstillError as error:
        generations.hold(fleet.database, declared, held=wish.hold)
        raise Failure(str(error)) from error
    tell(name, finished, comparison, wish, time.monotonic() - start)


def built(name: str, readers: Sequence[Checkpoint]) -> bool:
    """
    Fold along with the fleet until every reader has reached the end of the store.

    Returns False when the fleet was quicker, and has swapped it in already.
    """
    generation = readers[0].generation
    begun = sum(one.last_global_sequence for one in readers)
    if begun:
        say(f"going on at {begun:,}; --restart begins again", style="dim")
    call_the_fleet(readers)
    with Bars() as bars:
        bar = bars.bar(f"rebuilding {name}")
        start = time.monotonic()
        while not generations.is_built(readers):
            worked = False
            for one in readers:
                if one.status != "running":
                    worked |= rebuilding.build(one.projection_name, rebuilding.SLICE_SECONDS)
            readers = rebuilding.being_built(name)
            if not readers and is_live(name, generation):
                return False
            refuse_halted(name, readers)
            progress(bar, readers, begun, start)
            if not worked:
                time.sleep(0.05)  # the others have all of it in hand
    return True


def looked_at(name: str, generation: int) -> Comparison | None:
    """Compare it with the live one; None when the fleet has swapped it in just now."""
    try:
        return compared(name, within=SWAP_SECONDS, limit=EXAMPLES)
    except GenerationError:
        if not is_live(name, generation):
            raise
        return None


def is_live(name: str, generation: int) -> bool:
    with fleet.database.connect(Role.READER) as connection:
        return any(one.generation == generation for one in checkpoints.readers(connection, name))


def refuse_halted(name: str, readers: Sequence[Checkpoint]) -> None:
    if not readers:
        raise Failure(f"the rebuild of {name} was given up by somebody else")
    for one in readers:
        if one.status == "halted":
            raise Failure(
                f"the next generation of {name} is halted: {one.error}. The live one is as it "
                f"was; to go on, run this again, or: fleetlog rebuild {name} --cancel"
            )


def progress(bar: Bar, readers: Sequence[Checkpoint], begun: int, start: float) -> None:
    """Positions passed, of all that its readers have to pass."""
    with fleet.database.connect(Role.READER) as connection:
        end = read_safe_position(connection)
    passed = sum(min(one.last_global_sequence, end) for one in readers) // len(readers)
    rate = (passed - begun // len(readers)) / max(time.monotonic() - start, 0.001)
    bar.at(passed, max(end, 1), f"{rate:,.0f}/s")


def call_the_fleet(readers: Sequence[Checkpoint]) -> None:
    """Ask workers to help; without them it takes longer."""
    try:
        for one in readers[1:]:
            app.send_task("rebuilds.build", (one.projection_name,))
    except OperationalError as error:
        say(f"the broker is out of reach, so nobody helps: {error}", style="yellow")


def left_to_the_fleet(name: str, *, held: bool) -> str:
    then = "waits for your word" if held else "takes its place when it is built"
    return (
        f"the next generation of {name} goes on with the fleet and {then}; the live one is as it "
        f"was. To give it up: fleetlog rebuild {name} --cancel"
    )


def tell(
    name: str,
    finished: Finished | None,
    comparison: Comparison | None,
    wish: Wish,
    seconds: float,
) -> None:
    """Say what came of it, and which rows differ."""
    if wish.as_json:
        swapped = finished and asdict(finished)
        show_json({"projection": name, "swapped": swapped, "compared": comparison})
        return
    if comparison is not None:
        tell_differences(name, comparison, in_full=wish.diff)
    if wish.hold:
        show(f"{name} is built beside the live rows, in {span(seconds)}, and waits")
        say(f"to swap it in: fleetlog rebuild {name}; to give it up: … --cancel", style="dim")
        return
    if finished is None:
        show(f"{name} is rebuilt: the fleet has swapped it in")
        return
    for index in finished.lost_indexes:
        say(f"the index {index} could not follow: what it was on is gone", style="yellow")
    done = finished.swapped
    show(
        f"{name} is rebuilt: generation {done.generation}, up to position {done.position:,}, in "
        f"{span(seconds)}; the swap took {span(done.seconds)}"
    )
    say(f"the rows from before are kept: fleetlog rebuild {name} --rollback", style="dim")


def tell_differences(name: str, found: Comparison, *, in_full: bool) -> None:
    for other in found.other_shape:
        say(f"{other} has other columns now, so its rows were not compared", style="dim")
    rows = counted(found.rows, "row")
    say(f"{rows}, of which {found.differing:,} differ from the live ones", style="dim")
    if not in_full:
        if found.differing:
            say(f"to see them: fleetlog rebuild {name} --diff --hold", style="dim")
        return
    made = table("table", "row", "column", "live", "next", wrap=("live", "next"))
    for one in found.examples:
        key = " ".join(map(shown, one.key))
        for column, (before, after) in one.changes().items():
            add(made, one.table, key, column, before, after)
    if found.examples:
        show(made)
    if found.differing > len(found.examples):
        say(f"and {found.differing - len(found.examples):,} more rows", style="dim")


def roll_back(name: str) -> None:
    """Let the generation from before take its place again."""
    finished = finish(name, standing="previous", within=SWAP_SECONDS)
    if finished is None:
        raise Failure(f"{name} has no previous generation to go back to")
    generation = finished.swapped.generation
    show(f"{name} is back at generation {generation}; what it misses is folded now")


def cancel(name: str) -> None:
    """Give up the generation that is being built."""
    if not generations.give_up(fleet.database, named(name)):
        raise Failure(f"{name} is not being rebuilt")
    show(f"the next generation of {name} is given up; the live one is as it was")
