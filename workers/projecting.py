"""Advancing a projection: under its lock, with its epoch, within a time budget."""

import time
from functools import partial

import psycopg
import structlog
from sqlalchemy.exc import DBAPIError

from store import checkpoints
from store.checkpoints import Checkpoint, projection_of, table_suffix
from store.engine import Role
from store.errors import FencedError, NoReaderError, StoreError, UnknownEventError
from store.folding import PoisonError
from store.generations import tables_of
from store.outbox import subscription_of
from store.projection import Projection, projection
from store.projector import Projector
from store.retry import is_passing
from store.subscriptions import UnknownSubscriptionError
from workers import outboxes
from workers.fleet import fleet, process_name
from workers.lock import Extend
from workers.settings import current_settings
from workers.turns import take_turn

log = structlog.get_logger(__name__)

# Behind a backlog, the others that were rung for are not kept waiting.
MOMENT = 0.25

_halted_by: dict[str, str] = {}


class UnknownProjectionError(LookupError):
    """No projection of this name is declared here."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"no projection is called {self.name!r}; is its module named in FLEETLOG_DOMAIN?"


def named(name: str) -> Projection:
    """Return a declared projection by its name or a reader's; raises UnknownProjectionError."""
    if subscription_of(name) is not None:
        return outboxes.outbox(name)
    found = projection(projection_of(name))
    if found is None:
        raise UnknownProjectionError(name)
    return found


def projector(name: str) -> Projector:
    """Return this process's projector for a reader; it remembers a size of batch that went well."""
    declared, known = named(name), fleet.projectors.get(name)
    if known is None or known.projection != declared:
        size, tables = current_settings().batch_size, tables_of(declared, table_suffix(name))
        known = Projector(fleet.database, declared, batch_size=size, tables=tables)
        fleet.projectors[name] = known
    return known


def to_advance(name: str, seconds: float | None = None) -> list[str]:
    """Advance a projection's one reader; returns those that are to be advanced now, by others."""
    try:
        return [name] if advance(name, seconds) else []
    except NoReaderError:
        with fleet.database.connect(Role.READER) as connection:
            shares = [one.projection_name for one in checkpoints.readers(connection, name)]
        if not shares:
            raise
        return shares
    except UnknownSubscriptionError:
        log.info("the subscription is gone", projection=name)
        return []


def to_advance_briefly(name: str) -> list[str]:
    """
    Do the same for a moment only, as one of several that were rung for together.

    What stops it stops none of the rest: the next tick comes to it again, and says why.
    """
    try:
        return to_advance(name, MOMENT)
    except (psycopg.Error, DBAPIError, StoreError, UnknownProjectionError) as error:
        log.info("left to the next tick", projection=name, error=type(error).__name__)
        return []


def advance(name: str, seconds: float | None = None) -> bool:
    """
    Fold what is new, as this reader's only writer; returns whether there is more to do.

    `seconds` is how long it may take, ADVANCE_BUDGET_SECONDS unless told.
    A projection that is split into partitions has no reader of its own name: NoReaderError.
    """
    named(name)
    return take_turn(f"projection:{name}", name, partial(catch_up, name), seconds)


def catch_up(name: str, extend: Extend, deadline: float) -> bool:
    """Fold batch after batch; returns whether the time was over before the events were."""
    checkpoint = checkpoints.take_over(fleet.database, name, process_name())
    declared = named(name)  # only now: who pauses an outbox raises the epoch too
    if outboxes.is_paused(declared):
        return False
    try:
        refuse_other_version(checkpoint, declared)
        folding = projector(name)
        while time.monotonic() < deadline:
            advanced = folding.advance(checkpoint)
            checkpoint = advanced.checkpoint
            if advanced.caught_up:
                return False
            extend()
    except FencedError:
        log.info("another writer took over", projection=name)
        return False
    except (UnknownEventError, PoisonError, OtherVersionError) as error:
        say_once(name, words_for_a_log(error))
        checkpoints.halt(fleet.database, checkpoint, str(error))
        return False
    except psycopg.DatabaseError as error:
        if not is_passing(error):  # a table or a right that is not as declared
            checkpoints.halt(fleet.database, checkpoint, str(error).splitlines()[0])
        raise
    return True


def words_for_a_log(error: Exception) -> str:
    """Return why it halted, without what a fold raised: that may quote people's data."""
    if isinstance(error, PoisonError):
        event = error.event
        return f"cannot fold {event.event_type} at position {event.global_sequence}"
    return str(error)


def say_once(name: str, error: str) -> None:
    """It is tried again at every tick; what has not changed is not news in the same process."""
    if _halted_by.get(name) != error:
        log.error("projection halted", projection=name, error=error)
        _halted_by[name] = error


class OtherVersionError(Exception):
    """The rows were folded by another version of the projection's code."""


def refuse_other_version(checkpoint: Checkpoint, declared: Projection) -> None:
    if checkpoint.version != declared.version:
        raise OtherVersionError(
            f"its rows are of version {checkpoint.version}, this code is version "
            f"{declared.version}; run: fleetlog rebuild {declared.name}"
        )
