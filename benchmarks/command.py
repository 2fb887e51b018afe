"""command: how many commands a second from submit to done, beside a no-op Celery task?"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness import Answers, Effort
from benchmarks.stage import Stage, stage
from workers.fleet import addresses, fleet
from workers.settings import current_settings

ROOT = Path(__file__).parents[1]
CELERY = ("-m", "celery", "-A", "workers.app")
WORKER = (
    *(*CELERY, "worker", "-I", "benchmarks.noop"),
    *("--concurrency", "2", "--without-mingle", "--without-gossip"),
)
BEAT = (*CELERY, "beat", "-S", "workers.beat:Scheduler")


def ask(effort: Effort) -> Answers:
    """Yield the ratios for one worker of two processes; nothing else runs, not even the beat."""
    with stage() as servers, TemporaryDirectory(prefix="fleetlog-benchmarks-") as home:
        environment = settings(servers, Path(home))
        with connected(environment), running(WORKER, environment, Path(home) / "worker.log"):
            from benchmarks import commanding  # noqa: PLC0415 - importing tasks reads the settings

            with servers.owner() as witness:
                yield from commanding.compared(witness, effort)


def settings(servers: Stage, home: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": servers.running.database_url,
        "FLEETLOG_MIGRATION_URL": servers.running.migration_url,
        "REDIS_URL": servers.running.redis_url,
        "FLEETLOG_HOME": str(home),
        "FLEETLOG_LOG_LEVEL": "WARNING",
    }


@contextmanager
def connected(environment: Mapping[str, str]) -> Iterator[None]:
    """Make this process a client of these servers, and of none afterwards."""
    before = dict(os.environ)
    os.environ.update(environment)
    forget()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        forget()


def forget() -> None:
    current_settings.cache_clear()
    addresses.cache_clear()
    fleet.forget(close=True)


@contextmanager
def running(program: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """Run it as a person would start it; what it complains of is shown when something fails."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *program],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    except BaseException:
        sys.stderr.write(log.read_text(errors="replace"))
        raise
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
