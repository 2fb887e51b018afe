"""A rebuild by the fleet while commands keep coming, and those who would notice anything."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

from benchmarks.commanding import is_true, poll
from benchmarks.history import Past, write
from benchmarks.stage import Stage
from benchmarks.steady import WARM_UP, ages_under_load
from store import generations
from store.engine import Connection
from store.event_store import read_safe_position
from store.generations import is_built
from store.projection import projections
from store.read_model_tables import prepare
from store.read_models.user_directory import UserDirectory
from store.replaying import Replay
from workers.fleet import fleet
from workers.rebuilding import begin, being_built
from workers.swapping_in import finish

NAME = "user_directory"
LONGEST = 1800.0  # seconds a rebuild may take here
ROWS = "select count(*) from fleetlog_read_models.user_read_model"
# The other consumers leave this past alone: it is one projection that is rebuilt here.
ONLY_OURS = """
update fleetlog.projection_checkpoints set epoch = epoch + 1,
    last_global_sequence = (select max(global_sequence) from fleetlog.events)
where projection <> 'user_directory'
"""
CAUGHT_UP = """
select exists (select from fleetlog.projection_checkpoints
               where projection_name = 'user_directory' and status = 'running'
                 and last_global_sequence >= (select max(global_sequence) from fleetlog.events))
"""
PROOF = "proof_of_rebuild"
DIFFERENCE = f"""
select count(*) from (
    (table fleetlog_read_models.user_read_model except table fleetlog_read_models.{PROOF})
    union all
    (table fleetlog_read_models.{PROOF} except table fleetlog_read_models.user_read_model)) d
"""  # noqa: S608 - our own names


class NoticedError(Exception):
    """Somebody noticed the rebuild who should not have."""


@dataclass(frozen=True)
class Found:
    """Ages in milliseconds, ascending; the seconds of it all; how long the locks were held."""

    ages: list[float]
    seconds: float
    swap_ms: float

    def percentile(self, share: float) -> float:
        return self.ages[min(len(self.ages) - 1, int(share * len(self.ages)))]


def rebuilt_under_load(servers: Stage, events: int, per_second: int) -> Found:
    """Rebuild the user directory over so many events; raises NoticedError."""
    with servers.owner() as bare, servers.owner() as eyes, ThreadPoolExecutor() as threads:
        prepare(fleet.database, projections())
        write(bare, Past().mixed(events))
        bare.execute(ONLY_OURS)
        poll(lambda: is_true(bare, CAUGHT_UP), LONGEST)
        over = Event()
        reading = threads.submit(keep_reading, eyes, over)
        rebuilding = threads.submit(rebuild)
        try:
            ages = ages_under_load(servers, per_second, LONGEST, rebuilding.done)
        finally:
            over.set()
        reading.result()
        require_fold(bare)
        return found(ages, rebuilding)


def found(ages: list[float], rebuilding: "Future[tuple[float, float]]") -> Found:
    seconds, swap_ms = rebuilding.result()
    return Found(ages, seconds, swap_ms)


def rebuild() -> tuple[float, float]:
    """Have the fleet build, and swap in ourselves; returns the seconds, and the swap's own ms."""
    time.sleep(2 * WARM_UP)
    start = time.monotonic()
    begin(NAME)
    generations.hold(fleet.database, UserDirectory(), held=True)
    poll(lambda: is_built(being_built(NAME)), LONGEST)
    finished = finish(NAME, within=60.0)
    if finished is None:
        raise NoticedError("somebody else has swapped it in")
    return time.monotonic() - start, finished.swapped.seconds * 1000


def keep_reading(eyes: Connection, over: Event) -> None:
    """Read the live table without a pause for breath: it never fails, and never has fewer rows."""
    before = 0
    while not over.is_set():
        row = eyes.execute(ROWS).fetchone()
        rows = row[0] if row else 0
        if rows < before:
            raise NoticedError(f"{rows} rows where there were {before}")
        before = rows
        time.sleep(0.01)


def require_fold(bare: Connection) -> None:
    """Fold all of it from scratch into a table of its own, and compare row by row."""
    fold = Replay(fleet.database, UserDirectory(), PROOF, batch_size=1000)
    fold.create(replace=True)
    fold.run(read_safe_position(bare), lambda _: None)
    row = bare.execute(DIFFERENCE).fetchone()
    if row is None or row[0]:
        raise NoticedError(f"{row and row[0]} rows differ from a fold from scratch")
