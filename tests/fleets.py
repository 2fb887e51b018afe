"""A fleet for tests: a database and a broker of its own, workers, and this process as a client."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from kombu import pools
from redis import Redis

import store.read_models  # noqa: F401 - declared before a test puts another registry in place
from tests.conftest import TestDatabase
from tests.processes import Process, started
from tests.toys import PLACE
from workers.app import app
from workers.embedded.valkey import Valkey
from workers.fleet import addresses, fleet
from workers.settings import current_settings

READY = " ready."
# The servers of tests do without what only a crash of the machine makes necessary.
UNSAFE = "fsync,full_page_writes,synchronous_commit"
DOMAIN = "domain.users,domain.orders,store.read_models,tests.toys"


@dataclass(frozen=True)
class TestFleet:
    """Where the servers of one fleet are, and what its processes are told."""

    __test__ = False

    database: TestDatabase
    redis_url: str
    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.database.url,
            "REDIS_URL": self.redis_url,
            "FLEETLOG_HOME": str(self.home),
            "FLEETLOG_DOMAIN": DOMAIN,
            "FLEETLOG_ALLOW_UNSAFE": UNSAFE,
            PLACE: str(self.faults),
            **self.settings,
        }

    @property
    def faults(self) -> Path:
        """A folder: a file of a toy's name here, and that toy has the fault it holds."""
        return self.home / "faults"

    @contextmanager
    def worker(self, name: str = "one", **settings: str) -> Iterator[Process]:
        """Run a worker for the length of a block, once it takes tasks."""
        with started(
            *(
                "-m",
                "celery",
                "-A",
                "workers.app",
                "worker",
                "-n",
                f"{name}@%h",
                "--without-mingle",
            ),
            environment={**self.environment, **settings},
            log=self.home / f"{name}.log",
            ready=READY,
        ) as process:
            yield process

    @contextmanager
    def client(self) -> Iterator[Redis]:
        redis = Redis.from_url(self.redis_url)
        try:
            yield redis
        finally:
            redis.close()


@contextmanager
def broker() -> Iterator[tuple[str, Path]]:
    """Run a Valkey that nobody else uses; lends its URL, and a folder that goes with it."""
    with TemporaryDirectory(prefix="fleetlog-") as place:
        valkey = Valkey(Path(place))
        valkey.start(durable=False)
        try:
            yield f"unix://{valkey.socket}", Path(place)
        finally:
            valkey.stop()


@contextmanager
def a_fleet(database: TestDatabase, **settings: str) -> Iterator[TestFleet]:
    with broker() as (url, home):
        made = TestFleet(database, url, home, settings)
        made.faults.mkdir()
        yield made


@contextmanager
def connected(environment: Mapping[str, str]) -> Iterator[None]:
    """Have this process use the servers that `environment` names, as a fleet's client does."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        forget_everything()
        before = app.conf.broker_url
        try:
            app.conf.update(broker_url=addresses().broker)
            yield
        finally:
            forget_everything()
            app.conf.update(broker_url=before)


def forget_everything() -> None:
    """Drop settings and connections; they are read and made anew on first use."""
    current_settings.cache_clear()
    addresses.cache_clear()
    fleet.forget(close=True)
    pools.reset()
    app._after_fork()  # type: ignore[attr-defined]  # noqa: SLF001 - Celery has no other way to forget its connections
