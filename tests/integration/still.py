"""A projection that stands still for the length of a block, although workers would advance it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.polling import eventually
from workers.app import app
from workers.fleet import fleet
from workers.lock import SingleWriterLock


@contextmanager
def standing_still(name: str) -> Iterator[None]:
    """Hold its lock, as a worker that is busy with it, and ring for it afterwards."""
    lock = SingleWriterLock(fleet.redis, lease_seconds=60)
    try:
        with ExitStack() as held:
            eventually(lambda: held.enter_context(lock.try_acquire(f"projection:{name}")))
            yield
    finally:
        app.send_task("projections.advance", (name,), queue="projections")
