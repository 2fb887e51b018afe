"""The screen of `fleetlog rebuild --in-place`: a read model emptied and folded again."""

import time

from store import checkpoints
from store.checkpoints import Checkpoint
from store.engine import Role
from store.errors import FencedError, UnknownEventError
from store.folding import PoisonError
from store.projection import Projection
from store.read_model_tables import restart as emptied
from workers.console.bars import Bar, Bars
from workers.console.endings import Failure, Interrupted
from workers.console.output import counted, say, show, span
from workers.fleet import fleet, process_name
from workers.lock import Extend, SingleWriterLock
from workers.projecting import named, projector
from workers.settings import current_settings

POLL = 0.1


def refold(name: str, *, restart: bool) -> None:
    """Rebuild a projection to its end; raises Failure when an event or another writer stops it."""
    declared = named(name)
    settings = current_settings()
    patience = settings.lock_lease_seconds + settings.advance_budget_seconds
    deadline, waiting = time.monotonic() + patience, False
    while not tried(declared, restart=restart):
        if not waiting:
            say(f"waiting for the worker that advances {name} just now", style="dim")
        waiting = True
        if time.monotonic() > deadline:
            raise Failure(f"another process holds {name} and has not let go for {patience:g} s")
        time.sleep(POLL)


def tried(declared: Projection, *, restart: bool) -> bool:
    """Rebuild, unless somebody else holds the lock; returns whether it was ours."""
    lease = current_settings().lock_lease_seconds
    lock = SingleWriterLock(fleet.redis, lease_seconds=lease)
    with lock.try_acquire(f"projection:{declared.name}") as extend:
        if extend is None:
            return False
        start = time.monotonic()
        with Bars() as bars:
            bar = bars.bar(f"rebuilding {declared.name}")
            events = Rebuild(declared, bar).run(begun(declared, restart=restart), extend)
    seconds = time.monotonic() - start
    rate = f", {events / seconds:,.0f} a second" if events else ""
    show(f"{declared.name} is rebuilt: {counted(events, 'event')} in {span(seconds)}{rate}")
    return True


def begun(declared: Projection, *, restart: bool) -> Checkpoint:
    """Return where to start: where an interrupted rebuild stopped, else at 0 with empty tables."""
    with fleet.database.connect(Role.READER) as connection:
        found = {one.projection_name: one for one in checkpoints.all_checkpoints(connection)}
    before = found.get(declared.name)
    interrupted = (
        before is not None
        and before.status == "rebuilding"
        and before.version == declared.version
        and not restart
    )
    if interrupted:
        checkpoint = checkpoints.take_over(fleet.database, declared.name, process_name())
        at = f"{checkpoint.last_global_sequence:,}"
        say(f"going on at position {at}; --restart begins again", style="dim")
        return checkpoint
    return emptied(fleet.database, declared, process_name())


class Rebuild:
    """One way from a checkpoint to the end of the store."""

    def __init__(self, declared: Projection, bar: Bar) -> None:
        self._name = declared.name
        self._projector = projector(declared.name)  # one for all batches: it finds their size
        self._bar = bar
        self._events = 0
        self._end: int | None = None

    def run(self, checkpoint: Checkpoint, extend: Extend) -> int:
        """Fold to the end; returns how many events were folded."""
        start = time.monotonic()
        try:
            while True:
                advanced = self._projector.advance(checkpoint)
                checkpoint, self._end = advanced.checkpoint, advanced.safe_position
                self._events += advanced.events
                rate = self._events / max(time.monotonic() - start, 0.001)
                self._bar.at(checkpoint.last_global_sequence, self._end, f"{rate:,.0f}/s")
                if advanced.caught_up:
                    return self._events
                extend()
        except KeyboardInterrupt:
            raise Interrupted(self._kept(checkpoint)) from None
        except FencedError as error:
            raise Failure(f"{error}; to go on, run this again") from error
        except (UnknownEventError, PoisonError) as error:
            checkpoints.halt(fleet.database, checkpoint, str(error))
            raise Failure(f"{self._name} is halted: {error}") from error

    def _kept(self, checkpoint: Checkpoint) -> str:
        of = "" if self._end is None else f" of {self._end:,}"
        return (
            f"{self._name} keeps what it has, up to position "
            f"{checkpoint.last_global_sequence:,}{of}; it goes on with the fleet's next tick, "
            "or when this is run again"
        )
