"""Every command in docker-compose.yml, started for real without Docker."""

import socket
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

from tests.acceptance.fleet import BIN, Fleet, Process
from tests.contract.compose import compose_commands
from tests.polling import eventually

COMMANDS = compose_commands()


def handles_a_command(fleet: Fleet, worker: Process) -> None:
    eventually(lambda: worker.says(" ready."), 30)
    submitted = fleet.cli(
        "submit", "CreateUser", "user_id=ada", "username=ada", "email=ada@example.org", "--wait"
    )

    assert submitted.returncode == 0, submitted.stderr
    assert fleet.count("events") == 1


def keeps_the_schedule(fleet: Fleet, beat: Process) -> None:
    eventually(lambda: beat.says("beat v"), 30)
    eventually(lambda: fleet.redis.exists("redbeat::schedule"), 30)
    eventually(lambda: fleet.redis.llen("projections"), 30)


def asks_for_a_login(fleet: Fleet, dashboard: Process) -> None:
    address = f"http://127.0.0.1:{fleet.env['FLEETLOG_DASHBOARD_PORT']}"
    eventually(lambda: dashboard.running and status(f"{address}/healthcheck") == 200, 30)

    assert status(f"{address}/workers") == 401


def ends_well(fleet: Fleet, migrate: Process) -> None:
    eventually(lambda: not migrate.running, 30)

    assert migrate.stop() == 0, migrate.log.read_text()
    assert fleet.count("alembic_version") == 1


EXPECTED: dict[str, Callable[[Fleet, Process], None]] = {
    "migrate": ends_well,
    "worker": handles_a_command,
    "beat": keeps_the_schedule,
    "dashboard": asks_for_a_login,
}


def test_every_service_of_ours_is_tried_here() -> None:
    assert COMMANDS.keys() == EXPECTED.keys()


@pytest.mark.parametrize("service", EXPECTED)
def test_the_command_of_the_service_works(fleet: Fleet, service: str) -> None:
    program, *arguments = COMMANDS[service]
    fleet.env["FLEETLOG_DASHBOARD_PORT"] = str(free_port())
    process = fleet.start(str(BIN / program), *arguments)

    EXPECTED[service](fleet, process)

    if service != "migrate":
        assert process.stop() == 0, process.log.read_text()[-2000:]


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
