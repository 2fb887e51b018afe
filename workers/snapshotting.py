"""Snapshots: noticing streams that have grown, and folding them once for all later loads."""

import structlog

from domain.aggregate import aggregate_class
from store import checkpoints, snapshots
from store.engine import Role
from store.errors import FencedError
from store.event_store import read_safe_position
from store.repository import load_many
from store.retry import retrying
from workers.app import app
from workers.fleet import fleet, process_name
from workers.lock import SingleWriterLock
from workers.settings import current_settings

log = structlog.get_logger(__name__)

READER = "snapshots"
WINDOW = 100_000
GROWN = """
select distinct aggregate_type, aggregate_id from fleetlog.events
where global_sequence > %b::bigint and global_sequence <= %b::bigint
  and sequence_number %% %b::bigint = 0
"""


def notice() -> int:
    """
    Start a snapshot task for every stream that crossed a multiple of SNAPSHOT_EVERY.

    A reader like any other, with a checkpoint. Tasks are sent before the checkpoint moves:
    sent twice they are harmless, and none is forgotten.
    """
    settings = current_settings()
    lock = SingleWriterLock(fleet.redis, lease_seconds=settings.lock_lease_seconds)
    started = 0
    with lock.try_acquire(READER) as extend, fleet.database.connect(Role.PROJECTOR) as connection:
        if extend is None:
            return 0
        checkpoints.ensure(connection, READER, 1)
        checkpoint = checkpoints.taken_over(connection, READER, process_name())
        safe = read_safe_position(connection)
        while (after := checkpoint.last_global_sequence) < safe:
            end = min(safe, after + WINDOW)
            grown = connection.execute(GROWN, (after, end, settings.snapshot_every)).fetchall()
            for aggregate_type, aggregate_id in grown:
                if aggregate_class(aggregate_type) is not None:
                    app.send_task("snapshots.take", (aggregate_type, aggregate_id))
                    started += 1
            try:
                checkpoint = checkpoints.move(connection, checkpoint, end)
            except FencedError:
                break
            extend()
    return started


def take(aggregate_type: str, aggregate_id: str) -> int | None:
    """Snapshot one aggregate as it is now; returns the version, None when its type is unknown."""
    cls = aggregate_class(aggregate_type)
    if cls is None:
        log.warning("no class for this aggregate", aggregate_type=aggregate_type)
        return None

    def once() -> int:
        with fleet.database.connect(Role.PROJECTOR) as connection:
            aggregate = load_many(connection, [(cls, aggregate_id)])[aggregate_id]
            snapshots.save(connection, aggregate)
            return aggregate.version

    return retrying(once)
