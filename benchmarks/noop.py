"""A task that does nothing but say it is done; handed to the worker with `-I benchmarks.noop`."""

from workers.app import app
from workers.fleet import fleet

DONE = "benchmarks:done"


@app.task(name="benchmarks.noop", ignore_result=True)
def noop() -> None:
    fleet.redis.rpush(DONE, 1)
