"""The proxy itself: it passes on what it should, and breaks what it is told to, as it says."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from redis import Redis

from tests.chaos.proxy import Mode, Proxy, Trap
from tests.conftest import TestDatabase
from tests.polling import eventually
from workers.embedded import Servers
from workers.embedded.postgres import SOCKET

INSERT = "insert into written values (%s)"
GIVEN_UP = 3  # seconds, for a connection that nobody answers


@pytest.fixture
def wire(fresh: TestDatabase) -> Iterator[Proxy]:
    with psycopg.connect(fresh.admin_url, autocommit=True) as connection:
        connection.execute("create table written (number int primary key)")
    (place,) = parse_qs(urlsplit(fresh.admin_url).query)["host"]
    made = Proxy(str(Path(place) / SOCKET), hears_commits=True)
    yield made
    made.close()


@contextmanager
def connected(
    wire: Proxy, fresh: TestDatabase, *, autocommit: bool = True
) -> Iterator[psycopg.Connection]:
    place = f"postgres@127.0.0.1:{wire.port}/{fresh.name}"
    url = f"postgresql://{place}?sslmode=disable&gssencmode=disable"
    connection = psycopg.connect(
        url, autocommit=autocommit, prepare_threshold=1, connect_timeout=GIVEN_UP
    )
    try:
        yield connection
    finally:
        connection.close()


def written(fresh: TestDatabase) -> list[int]:
    with psycopg.connect(fresh.admin_url) as connection:
        return [n for (n,) in connection.execute("select number from written order by number")]


def write(connection: psycopg.Connection, *numbers: int) -> None:
    """Write in one transaction; on a connection in autocommit each number is one."""
    for number in numbers:
        connection.execute(INSERT, [number])
    if not connection.autocommit:
        connection.commit()


def test_what_nobody_disturbs_arrives_as_it_was_said(wire: Proxy, fresh: TestDatabase) -> None:
    long = "x" * 3_000_000
    with connected(wire, fresh) as connection:
        write(connection, 1, 2, 3)
        echo = connection.execute("select %s::text", [long]).fetchone()

    assert written(fresh) == [1, 2, 3]
    assert echo == (long,)
    assert not wire.sprung


@pytest.mark.parametrize("autocommit", [True, False], ids=["call", "COMMIT"])
def test_a_commit_cut_before_is_not_done(
    wire: Proxy, fresh: TestDatabase, *, autocommit: bool
) -> None:
    with connected(wire, fresh, autocommit=autocommit) as connection:
        write(connection, 1)
        write(connection, 2)  # prepared by now
        wire.set(Trap.BEFORE)
        with pytest.raises(psycopg.OperationalError):
            write(connection, 3)

    assert written(fresh) == [1, 2]
    assert wire.sprung == {Trap.BEFORE: 1}
    assert not wire.armed


@pytest.mark.parametrize("autocommit", [True, False], ids=["call", "COMMIT"])
def test_a_commit_cut_after_is_done_and_nobody_hears_of_it(
    wire: Proxy, fresh: TestDatabase, *, autocommit: bool
) -> None:
    wire.set(Trap.AFTER)
    with (
        connected(wire, fresh, autocommit=autocommit) as connection,
        pytest.raises(psycopg.OperationalError),
    ):
        write(connection, 1)

    assert written(fresh) == [1]
    assert wire.sprung == {Trap.AFTER: 1}


def test_a_trap_lies_in_wait_until_something_written_is_committed(
    wire: Proxy, fresh: TestDatabase
) -> None:
    wire.set(Trap.BEFORE)
    with connected(wire, fresh) as reading, connected(wire, fresh, autocommit=False) as connection:
        read(reading)
        read(connection)
        connection.commit()
        write_and_roll_back(connection, 1)
        read(connection)
        connection.commit()
        armed = wire.armed
        with pytest.raises(psycopg.OperationalError):
            write(connection, 2)

    assert armed
    assert written(fresh) == []


def test_a_call_that_the_server_refused_is_no_commit_cut_after(
    wire: Proxy, fresh: TestDatabase
) -> None:
    with connected(wire, fresh) as connection:
        write(connection, 1)
        wire.set(Trap.AFTER)
        with pytest.raises(psycopg.OperationalError):
            write(connection, 1)

    assert not wire.sprung


def test_a_cut_wire_breaks_connections_and_refuses_new_ones_until_it_is_healed(
    wire: Proxy, fresh: TestDatabase
) -> None:
    with connected(wire, fresh) as connection:
        wire.turn(Mode.CUT)
        with pytest.raises(psycopg.OperationalError):
            write(connection, 1)
    with pytest.raises(psycopg.OperationalError), connected(wire, fresh):
        pass
    wire.turn(Mode.PASS)
    with connected(wire, fresh) as connection:
        write(connection, 2)

    assert written(fresh) == [2]


@pytest.mark.parametrize(
    ("mode", "arrived"), [(Mode.BLACK_HOLE, []), (Mode.MUTE, [1])], ids=["black hole", "mute"]
)
def test_what_is_lost_leaves_the_caller_without_an_answer(
    wire: Proxy, fresh: TestDatabase, mode: Mode, arrived: list[int]
) -> None:
    answers: list[str] = []

    def call() -> None:
        try:
            write(connection, 1)
        except psycopg.OperationalError:
            answers.append("broken")

    with connected(wire, fresh) as connection:
        wire.turn(mode)
        caller = Thread(target=call)
        caller.start()
        caller.join(0.5)
        waiting = caller.is_alive()
        eventually(lambda: written(fresh) == arrived)
        with pytest.raises(psycopg.OperationalError), connected(wire, fresh):
            pass  # gives up by itself: it is accepted, and nobody speaks
        wire.turn(Mode.PASS)
        caller.join(20)

    assert waiting
    assert answers == ["broken"]
    assert written(fresh) == arrived


def test_a_slow_wire_delivers_all_the_same(wire: Proxy, fresh: TestDatabase) -> None:
    with connected(wire, fresh) as connection:
        wire.turn(Mode.DELAY, delay=0.1)
        write(connection, 1)

    assert written(fresh) == [1]


def test_who_makes_a_certain_call_is_found_by_its_port_while_the_call_waits(
    wire: Proxy, fresh: TestDatabase
) -> None:
    with connected(wire, fresh) as other, connected(wire, fresh) as connection:
        calls = Thread(target=call_when_heard, args=[wire, connection, other])
        calls.start()
        with wire.overhear(b"insert into written", 10) as port:
            waiting = written(fresh)
        calls.join()

        assert waiting == []
        assert port == socket_port(connection)
        assert written(fresh) == [1]


def test_nobody_is_held_up_when_nobody_makes_that_call(wire: Proxy, fresh: TestDatabase) -> None:
    with wire.overhear(b"insert into written", 0.1) as port:
        pass
    with connected(wire, fresh) as connection:
        write(connection, 1)

    assert port is None
    assert written(fresh) == [1]


def test_a_broker_behind_a_wire_is_spoken_to_as_usual(running: Servers) -> None:
    made = Proxy(urlsplit(running.redis_url).path)
    client = Redis(port=made.port)
    try:
        assert client.set("chaos:wire", "P\0\0\0\x04" * 1000)
        made.turn(Mode.CUT)
        made.turn(Mode.PASS)
        assert client.delete("chaos:wire") == 1
    finally:
        client.close()
        made.close()


def read(connection: psycopg.Connection) -> None:
    """Ask with a parameter, as all of the store's statements do, and without."""
    for _ in range(2):  # to be prepared as well
        connection.execute("select number from written where number = %s", [1])
    connection.execute("select 1")


def write_and_roll_back(connection: psycopg.Connection, number: int) -> None:
    connection.execute(INSERT, [number])
    connection.rollback()


def call_when_heard(wire: Proxy, connection: psycopg.Connection, other: psycopg.Connection) -> None:
    """Call others' calls as well; only ours has the words."""
    eventually(lambda: wire.listening)
    other.execute("select %s::int", [1])
    write(connection, 1)


def socket_port(connection: psycopg.Connection) -> int:
    with socket.socket(fileno=socket.dup(connection.fileno())) as own:
        port: int = own.getsockname()[1]
        return port
