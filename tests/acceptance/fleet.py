"""A fleet of real processes over servers of its own, and what tests do to it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import psycopg
from redis import Redis

from store.engine import Database, Role
from store.event_store import EventStore
from tests.polling import eventually
from workers.embedded import Servers
from workers.settings import sqlalchemy_url

CELERY = (sys.executable, "-m", "celery", "-A", "workers.app")
FLEETLOG = (sys.executable, "-m", "workers.cli")
BIN = Path(sys.executable).parent
READY_SECONDS = 30
# The servers of tests do without what only a crash of the machine makes necessary.
UNSAFE = "fsync,full_page_writes,synchronous_commit"


class Process:
    """One process of the fleet, with its log."""

    def __init__(self, argv: Sequence[str], env: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                argv, env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.pid = self._popen.pid

    def says(self, words: str) -> bool:
        """Whether its log holds these words; an early end is told with the log."""
        text = self.log.read_text(errors="replace")
        if self._popen.poll() is not None and words not in text:
            raise AssertionError(f"ended with {self._popen.returncode}:\n{text[-3000:]}")
        return words in text

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        os.kill(self.pid, number)

    def kill_family(self) -> None:
        """SIGKILL to it and everything that it started: as if its machine had lost power."""
        family = [psutil.Process(self.pid)]
        family += family[0].children(recursive=True)
        for member in family:
            try:
                member.kill()
            except psutil.NoSuchProcess:
                continue
        self._popen.wait(10)

    def stop(self, seconds: float = 90) -> int:
        """
        Ask it to end, wait, and return its exit status.

        A child of billiard's pool whose last result comes as the parent has just stopped
        listening waits for half a minute before it ends.
        """
        if self._popen.poll() is None:
            self._popen.terminate()
        return self._popen.wait(seconds)

    @property
    def running(self) -> bool:
        return self._popen.poll() is None


class Fleet:
    """Processes started, killed and asked; all of them on the servers under `home`."""

    def __init__(self, home: Path, servers: Servers) -> None:
        self.home = home
        self.env = {
            **os.environ,
            "DATABASE_URL": servers.database_url,
            "FLEETLOG_MIGRATION_URL": servers.migration_url,
            "REDIS_URL": servers.redis_url,
            "FLEETLOG_HOME": str(home),
            "FLEETLOG_RELAY_AFTER_SECONDS": "3",
            "FLEETLOG_ALLOW_UNSAFE": UNSAFE,
            "FLEETLOG_DASHBOARD_PASSWORD": "only-for-this-test",
        }
        self.admin_url = servers.migration_url
        self.database = Database(sqlalchemy_url(servers.database_url))
        self.store = EventStore(self.database)
        self.redis = Redis.from_url(servers.redis_url)
        self.processes: list[Process] = []

    def start(self, *argv: str, ready: str | None = None, **env: str) -> Process:
        """Start one process; with `ready`, wait until its log says so."""
        log = self.home / f"process-{len(self.processes)}.log"
        process = Process(argv, {**self.env, **env}, log)
        self.processes.append(process)
        if ready:
            eventually(lambda: process.says(ready), READY_SECONDS)
        return process

    def worker(self, name: str, **env: str) -> Process:
        return self.start(*CELERY, "worker", "-n", f"{name}@%h", ready=" ready.", **env)

    def beat(self) -> Process:
        return self.start(*CELERY, "beat", "--pidfile=", ready="beat v")

    def cli(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run `fleetlog` to its end."""
        return subprocess.run(
            [*FLEETLOG, *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.connect(Role.READER) as connection:
            return connection.execute(query.encode()).fetchall()

    def as_admin(self, statement: str) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def count(self, query: str) -> int:
        return int(self.rows(f"select count(*) from {query}")[0][0])

    def lag(self) -> int:
        """Positions that some projection has not come to yet."""
        behind = self.rows(
            "select coalesce(max(p.last), 0) from (select max(global_sequence) - "
            "(select min(last_global_sequence) from projection_checkpoints "
            "where projection_name <> 'snapshots' and standing = 'live') as last from events) p"
        )
        return max(0, int(behind[0][0]))

    def stop(self) -> None:
        for process in self.processes:
            if process.running:
                process.kill_family()
        self.database.dispose()
        self.redis.close()


def write_commands(path: Path, commands: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(command) + "\n" for command in commands))
    return path
