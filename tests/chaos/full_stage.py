"""A fleet whose PostgreSQL lives on a small disk, and a client that keeps asking for orders."""

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
from sqlalchemy.exc import DBAPIError

from domain.orders import PlaceOrder
from store.migrations.running import migrate
from store.read_model_tables import prepare
from store.read_models.order_board import OrderBoard
from tests.acceptance.fleet import Fleet, Process
from tests.chaos.small_disk import SmallDisk, small_disk
from tests.fleets import broker, connected
from tests.polling import eventually
from workers.embedded import Servers
from workers.embedded.postgres import LOGIN_ROLE, OWNER, Postgres
from workers.settings import broker_url, sqlalchemy_url
from workers.submitting import submit

MEGABYTES = 192
SETTINGS = {"synchronous_commit": "on", "shared_buffers": "16MB", "max_wal_size": "64MB"}
SECONDS = 90
BULK = 20_000  # random bytes, as hex: every order needs pages of its own


@dataclass
class Client:
    """What one client asked for, and what it was told."""

    accepted: set[UUID] = field(default_factory=set)
    unheard: dict[UUID, tuple[PlaceOrder, Exception]] = field(default_factory=dict)

    def ask(self, count: int = 1) -> None:
        for _ in range(count):
            id, bulk = uuid4(), secrets.token_hex(BULK)
            self._send(id, PlaceOrder(order_id=f"order-{id}", items=(bulk,), total=Decimal("1.00")))

    def ask_until_unheard(self, count: int) -> None:
        """Ask for more until so many times no answer was had."""

        def unheard() -> bool:
            self.ask()
            return len(self.unheard) >= count

        eventually(unheard, SECONDS, saying="nothing more is accepted")

    def ask_again(self) -> None:
        """Repeat, by its own id, whatever had no answer."""
        for id, (order, _) in list(self.unheard.items()):
            self._send(id, order)

    def _send(self, id: UUID, order: PlaceOrder) -> None:
        try:
            submit(order, command_id=id)
        except (psycopg.Error, DBAPIError) as error:
            self.unheard[id] = (order, error)
        else:
            self.accepted.add(id)
            self.unheard.pop(id, None)


@dataclass
class Stage:
    disk: SmallDisk
    postgres: Postgres
    fleet: Fleet
    worker: Process

    def fill(self, *, meanwhile: Callable[[], None]) -> None:
        """
        Fill the disk to the last byte, after something is done `meanwhile` the worker is frozen.

        The file that the log is in has room, so it is the tables that are full first.
        """
        os.killpg(self.worker.pid, signal.SIGSTOP)
        meanwhile()
        self._execute("select pg_switch_wal()", "checkpoint")
        self.disk.fill()

    def thaw(self) -> None:
        os.killpg(self.worker.pid, signal.SIGCONT)

    def end_the_log(self) -> None:
        """Have the log go on in its next file, for which there is no room."""
        try:
            self._execute("select pg_switch_wal()", "checkpoint")
        except psycopg.Error:
            return

    def start_postgres(self) -> None:
        """Nothing happens if it runs."""
        self.postgres.start(durable=False, settings=SETTINGS)

    def log(self) -> str:
        return self.postgres.daemon.log.read_text(errors="replace")

    def _execute(self, *statements: str) -> None:
        with psycopg.connect(self.postgres.url(OWNER), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@contextmanager
def stage(home: Path) -> Iterator[Stage]:
    """A worker, a beat and this process as a client; PostgreSQL is on a disk of its own."""
    with small_disk(home / "small", MEGABYTES) as disk, broker() as (redis_url, _):
        postgres = Postgres(disk.place)
        try:
            postgres.start(durable=False, settings=SETTINGS)
            migrate(sqlalchemy_url(postgres.url(OWNER)))
            with staffed(home, postgres, redis_url) as (fleet, worker):
                yield Stage(disk, postgres, fleet, worker)
        finally:
            disk.make_room()
            postgres.stop()


@contextmanager
def staffed(home: Path, postgres: Postgres, redis_url: str) -> Iterator[tuple[Fleet, Process]]:
    addresses = Servers(
        database_url=postgres.url(LOGIN_ROLE),
        migration_url=postgres.url(OWNER),
        redis_url=redis_url,
        broker_url=broker_url(redis_url),
    )
    fleet = Fleet(home, addresses)
    try:
        prepare(fleet.database, [OrderBoard()])
        fleet.beat()
        worker = fleet.worker("one")
        with connected(fleet.env):
            yield fleet, worker
    finally:
        fleet.stop()
