"""What one process holds of the outside world: made on first use, forgotten after a fork."""

import os
import socket
from dataclasses import dataclass
from functools import cache, cached_property

from redis import Redis

from store.cache import AggregateCache
from store.circuits import Circuits
from store.dead_letters import DeadLetters
from store.deliveries import Deliveries
from store.draining import Drain
from store.engine import Database
from store.event_store import EventStore
from store.handling import CommandHandler
from store.inbox import Inbox
from store.outbox import Outbox
from store.projector import Projector
from store.repository import Repository
from store.subscribing import Subscriptions
from workers import embedded
from workers.keepalive import kept_alive
from workers.settings import broker_url, current_settings, redis_url, sqlalchemy_url


@dataclass(frozen=True)
class Addresses:
    """Where the servers are, ready for the library that connects."""

    database: str
    migration: str
    redis: str
    broker: str
    embedded: bool


@cache
def addresses() -> Addresses:
    """Return what the environment says; what it does not say is served by ourselves."""
    settings = current_settings()
    own = None
    if settings.database_url is None or settings.redis_url is None:
        own = embedded.hold(settings.home)
    database = settings.database_url or (own and own.database_url) or ""
    migration = settings.migration_url or settings.database_url or (own and own.migration_url) or ""
    redis = settings.redis_url or (own and own.redis_url) or ""
    return Addresses(
        database=sqlalchemy_url(database),
        migration=sqlalchemy_url(migration),
        redis=redis_url(redis),
        broker=broker_url(redis),
        embedded=settings.database_url is None,
    )


@dataclass
class KnownOutboxes:
    """The active outboxes as they were found last, and until when that will do."""

    outboxes: tuple[Outbox, ...] = ()
    until: float = 0.0


class Fleet:
    """The servers of this process, and what works on them."""

    @cached_property
    def database(self) -> Database:
        return Database(addresses().database)

    @cached_property
    def redis(self) -> Redis:
        # A lock or a doorbell is not worth a long wait.
        return Redis.from_url(
            addresses().redis,
            socket_timeout=3,
            socket_connect_timeout=3,
            health_check_interval=10,
            **kept_alive(addresses().redis),
        )

    @cached_property
    def inbox(self) -> Inbox:
        return Inbox(self.database)

    @cached_property
    def store(self) -> EventStore:
        return EventStore(self.database)

    @cached_property
    def subscriptions(self) -> Subscriptions:
        return Subscriptions(self.database)

    @cached_property
    def deliveries(self) -> Deliveries:
        return Deliveries(self.database)

    @cached_property
    def circuits(self) -> Circuits:
        return Circuits(self.database)

    @cached_property
    def dead_letters(self) -> DeadLetters:
        return DeadLetters(self.database)

    @cached_property
    def repository(self) -> Repository:
        return Repository(self.database)

    @cached_property
    def handler(self) -> CommandHandler:
        settings = current_settings()
        memory = AggregateCache(
            size=settings.aggregate_cache_size, ttl_seconds=settings.aggregate_cache_ttl_seconds
        )
        drain = Drain(self.database, memory)
        return CommandHandler(self.inbox, drain, max_attempts=settings.command_attempts)

    @cached_property
    def projectors(self) -> dict[str, Projector]:
        """One for each projection that this process has advanced."""
        return {}

    @cached_property
    def known_outboxes(self) -> KnownOutboxes:
        return KnownOutboxes()

    def forget(self, *, close: bool) -> None:
        """Drop all connections; `close=False` after a fork, where they are the parent's."""
        held = vars(self)
        if "database" in held:
            self.database.dispose(close=close)
        held.clear()


fleet = Fleet()


def process_name() -> str:
    """Return who we are in a checkpoint or a lock: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"
