"""A real RabbitMQ for tests: a process and data of its own, no service of the system's."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.polling import eventually

DEBIAN = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # what the service's wrapper starts
CERTIFICATES = Path(__file__).parent / "certificates"
REQUIRE = "FLEETLOG_REQUIRE_RABBITMQ"
STARTED = "Server startup complete"
START_SECONDS = 60.0
SMALL = "+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}"
CONFIGURATION = """
listeners.tcp.default = 127.0.0.1:{port}
listeners.ssl.default = 127.0.0.1:{tls_port}
ssl_options.certfile = {certificates}/server.pem
ssl_options.keyfile = {certificates}/server.key
default_user = fleet
default_pass = open-sesame
max_message_size = 65536
log.console.level = info
"""


class Rabbit:
    """The broker under `home`, with Erlang's port mapper beside it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port, self.tls_port, self._mapper_port, self._node_port = free_ports(4)
        self._processes: list[subprocess.Popen[bytes]] = []
        (home / "plugins").write_text("[].")
        (home / "rabbitmq.conf").write_text(
            CONFIGURATION.format(port=self.port, tls_port=self.tls_port, certificates=CERTIFICATES)
        )

    @property
    def url(self) -> str:
        return f"amqp://fleet@127.0.0.1:{self.port}/"

    @property
    def environment(self) -> dict[str, str]:
        home = self.home
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),  # of Erlang's cookie
            "RABBITMQ_NODENAME": f"fleetlog{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "none"),
            "RABBITMQ_CONF_ENV_FILE": str(home / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_DIST_PORT": str(self._node_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": SMALL,
            "ERL_EPMD_PORT": str(self._mapper_port),
        }

    def start(self) -> None:
        """Return when it takes connections."""
        log = self.home / "rabbitmq.log"
        log.write_bytes(b"")
        with log.open("ab") as output:
            for command in ((mapper(), "-address", "127.0.0.1"), (program(),)):
                self._processes.append(
                    subprocess.Popen(
                        [str(part) for part in command],
                        cwd=self.home,
                        env=self.environment,
                        stdout=output,
                        stderr=output,
                        start_new_session=True,
                    )
                )
        eventually(
            lambda: STARTED in log.read_text(errors="replace") or not self.is_alive,
            START_SECONDS,
            saying="RabbitMQ starts",
        )
        assert self.is_alive, log.read_text(errors="replace")

    @property
    def is_alive(self) -> bool:
        return all(process.poll() is None for process in self._processes)

    def kill(self) -> None:
        """End it without a word."""
        self.signal(signal.SIGKILL)
        for process in self._processes:
            process.wait()
        self._processes.clear()

    def signal(self, number: signal.Signals) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)


@contextmanager
def rabbit() -> Iterator[Rabbit]:
    """Run a broker for the length of a block; skips where it is not installed, or fails there."""
    if program() is None or mapper() is None:
        if os.environ.get(REQUIRE) == "1":
            pytest.fail(f"RabbitMQ is not installed, and {REQUIRE}=1 asks for it")
        pytest.skip("RabbitMQ is not installed: apt-get install rabbitmq-server")
    with TemporaryDirectory(prefix="fleetlog-", ignore_cleanup_errors=True) as place:
        server = Rabbit(Path(place))
        try:
            server.start()
            yield server
        finally:
            server.kill()


def program() -> str | None:
    return str(DEBIAN) if DEBIAN.exists() else shutil.which("rabbitmq-server")


def mapper() -> str | None:
    return shutil.which("epmd")


def free_ports(number: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    try:
        return [listener.getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()
