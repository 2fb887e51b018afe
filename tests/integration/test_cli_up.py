"""`fleetlog up`: processes kept running, and none left behind."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from tests.fleets import TestFleet, connected
from tests.integration.screens import running
from tests.polling import eventually
from tests.processes import Process, started
from workers.console import watchdog
from workers.console.endings import Failure
from workers.console.programs import Plan, dashboard_of, programs
from workers.embedded.postgres import Postgres
from workers.embedded.valkey import Valkey

UP = ("-m", "workers.cli", "up", "--no-dashboard", "--concurrency", "1")
READY = "Ctrl-C stops everything"
CREATE = ("submit", "CreateUser", "user_id=ada", "username=ada", "email=ada@example.org", "--wait")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with TemporaryDirectory(prefix="fleetlog-") as place:
        yield Path(place) / "home"


@pytest.fixture(scope="module")
def up(home: Path) -> Iterator[Process]:
    """A fleet on servers of its own, ended as Ctrl-C would."""
    environment = {"FLEETLOG_HOME": str(home)}
    log = home.parent / "up.log"
    with started(*UP, environment=environment, log=log, ready=READY) as process:
        yield process
        process.terminate()
        assert process.wait() == 0


def answer(*arguments: str, environment: Mapping[str, str]) -> tuple[int, str]:
    with running(*arguments, environment=environment) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out + err


def children(of: int) -> list[psutil.Process]:
    return psutil.Process(of).children(recursive=True)


def workers(up: Process) -> set[psutil.Process]:
    """Return the workers' main processes, which `up` itself has started."""
    return {one for one in psutil.Process(up.pid).children() if "worker" in arguments_of(one)}


def arguments_of(process: psutil.Process) -> list[str]:
    """Return its command line; one that ends just now has none."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_fleet_that_is_up_works_for_others_in_the_same_home(up: Process, home: Path) -> None:
    environment = {"FLEETLOG_HOME": str(home)}
    created, done = answer(*CREATE, environment=environment)
    well, health = answer("status", environment=environment)

    assert created == 0, done
    assert well == 0, health
    assert up.is_alive


def test_our_own_servers_are_started_without_a_word_about_safety(up: Process, home: Path) -> None:
    logs = "".join(log.read_text() for log in (home / "logs").iterdir())

    assert [line for line in up.output.splitlines() if line.startswith("!")] == []
    assert "FLEETLOG_ALLOW_UNSAFE" not in up.output + logs
    assert "was not checked" not in up.output + logs


def test_a_process_that_is_killed_is_started_again(up: Process) -> None:
    (before,) = workers(up)
    before.kill()
    up.wait_for("was killed by SIGKILL; starting it again in 1 s")

    assert eventually(lambda: workers(up) - {before}, 30)


def test_a_second_fleet_in_the_same_home_is_refused(up: Process, home: Path) -> None:
    status, said = answer("up", "--no-dashboard", environment={"FLEETLOG_HOME": str(home)})

    assert status == 1
    assert f"a fleet runs in {home} already, as process {up.pid}" in said


def test_what_the_processes_say_is_for_their_owner_alone(up: Process, home: Path) -> None:
    logs = {log.name: log.stat().st_mode & 0o777 for log in (home / "logs").iterdir()}

    assert logs == {"worker-1.log": 0o600, "beat.log": 0o600}
    assert (home / "logs").stat().st_mode & 0o777 == 0o700
    assert up.is_alive


def test_a_fleet_asked_to_end_leaves_no_process_behind() -> None:
    with TemporaryDirectory(prefix="fleetlog-") as place:
        home = Path(place)
        environment = {"FLEETLOG_HOME": place}
        with started(*UP, environment=environment, log=home / "log", ready=READY) as process:
            family = children(process.pid)
            process.terminate()
            status = process.wait()

        assert status == 0, process.output
        assert [one for one in family if one.is_running()] == []
        assert not Postgres(home).daemon.alive()
        assert not Valkey(home).daemon.alive()


def test_on_servers_of_others_beats_share_a_lock(idle: TestFleet) -> None:
    log = idle.home / "up.log"
    with started(*UP, environment=idle.environment, log=log, ready=READY) as process:
        with idle.client() as redis:
            eventually(lambda: redis.exists("redbeat::lock"), 30)
        process.terminate()

        assert process.wait() == 0, process.output


def test_processes_end_when_the_one_that_started_them_is_gone() -> None:
    with (
        sleeper() as one,
        sleeper() as other,
        subprocess.Popen(
            [sys.executable, "-I", "-S", watchdog.__file__], stdin=subprocess.PIPE, text=True
        ) as dog,
    ):
        assert dog.stdin
        dog.stdin.write(f"+{one.pid}\n+{other.pid}\n-{other.pid}\n")
        dog.stdin.close()
        ended = one.wait(10)
        dog.wait(10)
        spared = other.poll()
        os.killpg(other.pid, signal.SIGKILL)

    assert ended == -signal.SIGTERM
    assert spared is None


def test_what_does_not_want_to_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "GRACE_SECONDS", 0.2)
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(); "
    with sleeper(stubborn) as process:
        assert process.stdout
        process.stdout.readline()
        watchdog.end({process.pid})

        assert process.wait(10) == -signal.SIGKILL


def sleeper(first: str = "import time; ") -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", f"{first}time.sleep(60)"],
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        env={"PYTHONUNBUFFERED": "1"},
    )


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def nowhere(**settings: str) -> dict[str, str]:
    """Servers that are named and never asked."""
    return {"DATABASE_URL": "postgresql://there/db", "REDIS_URL": "redis://there/0", **settings}


def test_a_taken_port_is_told_with_what_to_do(taken: int) -> None:
    with connected(nowhere()), pytest.raises(Failure, match=f"port {taken} is taken: choose an"):
        dashboard_of(Plan(dashboard_port=taken), any_port=True)


def test_the_demo_takes_another_port_unless_one_was_chosen(taken: int) -> None:
    with connected(nowhere(FLEETLOG_DASHBOARD_PORT=str(taken))):
        found = dashboard_of(Plan(), any_port=True)

    assert found is not None
    assert taken < found.port < taken + 20


def test_a_password_is_made_up_and_never_an_argument() -> None:
    with connected(nowhere()):
        one, other = (dashboard_of(Plan(), any_port=True) for _ in range(2))
        assert one is not None
        assert other is not None
        wanted = list(programs(Plan(), one))

    assert one.made_up
    assert one.password != other.password
    assert not any(one.password in word for program in wanted for word in program.command)
    assert wanted[-1].environment["FLEETLOG_DASHBOARD_PASSWORD"] == one.password
