"""The fleet's own tasks: thin, each the door to one piece of work."""

from typing import Any

import psycopg
from celery import Task
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from store.outbox import subscription_of
from store.retry import is_passing
from workers import dead_letters, doorbell, projecting, rebuilding, snapshotting, tending
from workers import relay as relaying
from workers.app import app
from workers.command_tasks import REPUBLISHED
from workers.delivering import delivering
from workers.fleet import fleet
from workers.urgent import go_first, without_delay

CROWD = 1000


class Maintenance(Task):  # type: ignore[type-arg]
    """A task that the beat or a doorbell will start again anyway: a failure is only told."""

    abstract = True
    ignore_result = True
    default_retry_delay = 1

    def apply_async(self, *args: Any, **options: Any) -> Any:
        """Publish; a tick is left out while its queue is crowded, because nobody takes it."""
        if (options.get("headers") or {}).get("fleetlog_tick") and self.is_crowded():
            return None
        return super().apply_async(*args, **options)

    def is_crowded(self) -> bool:
        queue = app.amqp.router.route({}, self.name)["queue"].name
        try:
            return int(fleet.redis.llen(queue)) >= CROWD
        except RedisError:
            return False  # publishing will tell


class Drain(Maintenance):
    """A drain over which a worker died goes first: only a counted attempt finds out why."""

    abstract = True

    def apply_async(self, *args: Any, **options: Any) -> Any:
        """Publish; Celery calls this too when a worker has died."""
        if not options.get("retries"):
            return super().apply_async(*args, **options)
        again = super().apply_async(*args, **without_delay(options))
        go_first()
        return again


@app.task(name="commands.drain", base=Drain, bind=True)
def drain(self: Any, first_no: int, last_no: int) -> None:
    """Work off the inboxes of the commands accepted under these numbers."""
    request = self.request
    suspicious = bool(
        (request.delivery_info or {}).get("redelivered")
        or request.retries
        or request.get("fleetlog_republished")
    )
    try:
        inboxes = fleet.inbox.inboxes(first_no, last_no)
        worked = fleet.handler.work_off(inboxes, suspicious=suspicious)
    except (psycopg.Error, DBAPIError) as error:
        if not is_passing(error):
            raise
        come_back(first_no, last_no, 2.0)
        return
    doorbell.ring(worked.appended_types)
    if worked.again_in is not None:
        come_back(first_no, last_no, worked.again_in)


def come_back(first_no: int, last_no: int, countdown: float) -> None:
    app.send_task("commands.drain", (first_no, last_no), countdown=countdown, headers=REPUBLISHED)


@app.task(name="commands.relay", base=Maintenance)
def relay() -> int:
    """Wake commands whose wake-up was lost."""
    return relaying.relay()


@app.task(name="projections.advance", base=Maintenance)
def advance(name: str) -> None:
    """Fold what is new into one projection; with more to do than the budget allows, queue again."""
    advanced(name, projecting.to_advance(name))


@app.task(name="deliveries.tend", base=Maintenance)
def tend_deliveries() -> int:
    """Wake the outboxes of active subscriptions, and the deliverers that have something to do."""
    return delivering.tend()


@app.task(name="deliveries.deliver", base=Maintenance)
def deliver(name: str) -> None:
    """Deliver what is due of one subscription; with more to do, queue again behind the others."""
    if delivering.deliver(name):
        app.send_task("deliveries.deliver", (name,))


@app.task(name="projections.advance_each", base=Maintenance)
def advance_each(names: list[str]) -> None:
    """Fold what is new into those that were rung for together, each for a moment."""
    for name in names:
        advanced(name, projecting.to_advance_briefly(name))


def advanced(name: str, further: list[str]) -> None:
    """See to what comes after: readers that have more to do, deliverers of what was written."""
    for reader in further:
        app.send_task("projections.advance", (reader,))
    subscription = subscription_of(name)
    if subscription is not None:
        delivering.ring_if_due(subscription)


@app.task(name="rebuilds.tend", base=Maintenance)
def tend() -> None:
    """See to the projections that are being rebuilt."""
    tending.tend(lambda reader: app.send_task("rebuilds.build", (reader,)))


@app.task(name="rebuilds.build", base=Maintenance)
def build(reader: str) -> None:
    """Fold a slice of a next generation; with more to do, queue again behind the others."""
    if rebuilding.build(reader, rebuilding.SLICE_SECONDS):
        app.send_task("rebuilds.build", (reader,))


@app.task(name="snapshots.notice", base=Maintenance)
def notice() -> int:
    """Start a snapshot of every stream that has grown enough."""
    return snapshotting.notice()


@app.task(name="snapshots.take", base=Maintenance)
def take(aggregate_type: str, aggregate_id: str) -> int | None:
    """Snapshot one aggregate."""
    return snapshotting.take(aggregate_type, aggregate_id)


@app.task(name="dead_letters.collect", base=Maintenance)
def collect() -> int:
    """Bring what workers have set aside from the broker into the database."""
    return dead_letters.collect()
