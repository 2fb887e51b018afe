"""A stage for a few sessions: a schedule decides who acts next, nothing is left to luck."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import psycopg

from store.engine import Connection
from tests.integration.order_check import Faults, Poller, committed, faults

T = TypeVar("T")

GATE = 17
PASS_GATE = (
    "if coalesce(current_setting('stage.key', true), '') = '' then "
    f"perform pg_advisory_xact_lock_shared({GATE}); end if;"
)
WAITING = "select count(*) from pg_locks where locktype = 'advisory' and objid = %s and not granted"
DEFINITION = "select pg_get_functiondef(%s::regproc)"


class Gate:
    """
    Somewhere inside a function of the store: who gets there waits while it is closed.

    A session that has set `stage.key` goes through.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def close(self) -> None:
        self.connection.execute("select pg_advisory_lock(%s)", (GATE,))

    def open(self) -> None:
        self.connection.execute("select pg_advisory_unlock(%s)", (GATE,))

    def await_somebody(self, count: int = 1) -> None:
        deadline = time.monotonic() + 10
        while number(self.connection, WAITING, GATE) < count:
            assert time.monotonic() < deadline, "nobody came to the gate"


class Stage:
    """Sessions of the owner, one reader, and what the reader got wrong in the end."""

    def __init__(self, admin_url: str, poller: Poller, resources: ExitStack) -> None:
        self.admin_url = admin_url
        self.poller = poller
        self.resources = resources
        self.threads = resources.enter_context(ThreadPoolExecutor())

    def session(self) -> Connection:
        """Open a session in autocommit that waits for a lock no longer than a moment."""
        connection = psycopg.connect(self.admin_url, autocommit=True)
        self.resources.enter_context(connection)
        connection.execute("set lock_timeout = '5s'")
        return connection

    def gate(self, function: str, before: Callable[[str], str]) -> Gate:
        """Build a gate into `function`: before that part of its definition that `before` names."""
        connection = self.session()
        definition = text(connection, DEFINITION, function)
        place = before(definition)
        assert place
        assert definition.count(place) == 1
        gated = definition.replace(place, f"{PASS_GATE} {place}")
        connection.execute(gated.encode())
        return Gate(connection)

    def meanwhile(self, act: Callable[[], T]) -> Future[T]:
        """Let somebody act who may have to wait."""
        return self.threads.submit(act)

    def faults(self) -> Faults:
        """Let the reader read to the end, and say what it got wrong."""
        self.poller.poll_to_the_end()
        return faults(self.poller.seen, committed(self.admin_url))


@contextmanager
def stage(admin_url: str, poller: Poller) -> Iterator[Stage]:
    with ExitStack() as resources:
        yield Stage(admin_url, poller, resources)


def text(connection: Connection, query: str, *values: object) -> str:
    row = connection.execute(query.encode(), values).fetchone()
    return str(row[0]) if row else ""


def number(connection: Connection, query: str, *values: object) -> int:
    return int(text(connection, query, *values) or 0)
