"""The fleet on this machine: servers, schema, processes, and the way back."""

import os
import signal
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX
from pathlib import Path
from typing import NoReturn

from kombu.exceptions import OperationalError
from rich.text import Text

from workers import embedded
from workers.app import app
from workers.console.endings import Failure, Interrupted
from workers.console.ground import bring_up_to_date, near
from workers.console.logs import brief
from workers.console.output import add, err, say, show, shown, step, table
from workers.console.programs import (
    Dashboard,
    Plan,
    dashboard_of,
    forget_what_only_we_need,
    programs,
)
from workers.console.supervisor import Supervisor
from workers.embedded.flock import open_lock, try_lock, unlock
from workers.fleet import addresses, fleet
from workers.settings import current_settings

READY_SECONDS = 60.0
PING_SECONDS = 0.5


class Screen:
    """Shows what the processes say, each line with its name before it."""

    def __init__(self, known: Collection[str], *, verbose: bool) -> None:
        self._known = known
        self._verbose = verbose

    def line(self, name: str, line: str) -> None:
        """Show a line unless it is known; a terminal that went away must not stop us."""
        if any(words in line for words in self._known):
            return
        text = line if self._verbose else brief(line)
        with suppress(OSError):
            err.print(Text.assemble((f"{name:<10}", "cyan"), "│ ", shown(text)), soft_wrap=True)

    def news(self, name: str, news: str) -> None:
        """Tell what happened to a process."""
        with suppress(OSError):
            err.print(
                Text.assemble((f"{name:<10}", "cyan"), "│ ", (news, "yellow")), soft_wrap=True
            )


def run_fleet(plan: Plan) -> None:
    """Run it until somebody ends it."""
    with running(plan) as supervisor, suppress(KeyboardInterrupt):
        say("Ctrl-C stops everything; the data stays", style="dim")
        supervisor.run(lambda: False)


@contextmanager
def running(plan: Plan, *, any_port: bool = False) -> Iterator[Supervisor]:
    """Run the fleet for the length of a block, and put everything away afterwards."""
    settings = current_settings()
    with ended_by_signals(), told_when_interrupted(), only_one(settings.home), servers():
        with step("schema"):
            warnings = bring_up_to_date()
        for warning in warnings:  # said by every process as well, and here once for all
            say(f"! {warning}", style="yellow")
        dashboard = dashboard_of(plan, any_port=any_port)
        forget_what_only_we_need()
        wanted = list(programs(plan, dashboard))
        names = ", ".join(program.name for program in wanted)
        logs = settings.home / "logs"
        with Supervisor(
            wanted, logs, Screen(warnings, verbose=plan.verbose), verbose=plan.verbose
        ) as supervisor:
            try:
                ready = Readiness(plan, dashboard)
                with step(names) as starting:
                    supervisor.run(lambda: ready() or supervisor.failing, seconds=READY_SECONDS)
                    starting.well = ready()
                if not starting.well:
                    say(f"not all of them answer yet; their logs are in {near(logs)}", style="red")
                tell_places(dashboard)
                yield supervisor
            finally:
                with step(f"stopping {names}"):
                    supervisor.stop()


class Readiness:
    """Whether the workers answer and the dashboard listens."""

    def __init__(self, plan: Plan, dashboard: Dashboard | None) -> None:
        self._missing = set(plan.nodes)
        self._dashboard = dashboard

    def __call__(self) -> bool:
        """Ask those that have not answered yet."""
        if self._missing:
            with suppress(OperationalError):
                nodes = sorted(self._missing)
                for answer in app.control.ping(destination=nodes, timeout=PING_SECONDS) or ():
                    self._missing -= answer.keys()
        return not self._missing and (self._dashboard is None or self._dashboard.answers())


@contextmanager
def servers() -> Iterator[None]:
    """Hold the embedded servers, as far as the environment names no others."""
    if not own_servers():
        yield
        return
    with step("PostgreSQL and Valkey"):
        addresses()
    try:
        yield
    finally:
        fleet.forget(close=True)
        with step("stopping PostgreSQL and Valkey"):
            embedded.release(current_settings().home)


def own_servers() -> bool:
    """Say whether any server is our own."""
    settings = current_settings()
    return settings.database_url is None or settings.redis_url is None


def tell_places(dashboard: Dashboard | None) -> None:
    """Say where everything is."""
    home = current_settings().home
    places = table("", "")
    places.show_header = False
    if own_servers():
        add(places, "data", near(home))
    add(places, "logs", near(home / "logs"))
    if dashboard:
        add(places, "dashboard", dashboard.url)
        add(places, "user", dashboard.user)
        password = (
            dashboard.password if dashboard.made_up else "as FLEETLOG_DASHBOARD_PASSWORD says"
        )
        add(places, "password", password)
    show("", places, "")


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Refuse a second fleet in the same home: its beat would tick twice."""
    # As the embedded servers make it: PostgreSQL, which is never root, must pass through.
    home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    lock = open_lock(home / "up.lock")
    try:
        if not try_lock(lock, LOCK_EX):
            pid = os.pread(lock, 32, 0).decode(errors="replace").strip()
            raise Failure(f"a fleet runs in {near(home)} already, as process {pid or 'unknown'}")
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield
    finally:
        unlock(lock)


@contextmanager
def told_when_interrupted() -> Iterator[None]:
    """Say that everything is put away, to those who did not want to wait for the start."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("what was started is stopped again") from None


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let the signals that ask us to end do what Ctrl-C does."""
    ours = [signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup asks to be left alone
        ours.append(signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in ours}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
