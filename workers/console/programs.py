"""The fleet's processes: what each is called, and how it is started."""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from workers.console.endings import Failure
from workers.console.supervisor import Program
from workers.fleet import addresses
from workers.settings import current_settings, variable

PORTS_TO_TRY = 20
# What only the migration needs; no process of the fleet sees it.
NOT_HANDED_ON = ("migration_url", "app_password")


@dataclass(frozen=True)
class Plan:
    """What to run; None leaves it to the settings."""

    workers: int = 1
    concurrency: int | None = None
    dashboard: bool = True
    dashboard_port: int | None = None
    verbose: bool = False
    rebuild_changed: bool = False

    @property
    def nodes(self) -> list[str]:
        """Return the workers' names among all of the broker's."""
        return [f"worker-{number}@{socket.gethostname()}" for number in range(1, self.workers + 1)]


@dataclass(frozen=True)
class Dashboard:
    """Where it listens, and for whom; `made_up` if nobody chose the password."""

    address: str
    port: int
    user: str
    password: str
    made_up: bool

    @property
    def url(self) -> str:
        """Return what to type into a browser on this machine."""
        host = "127.0.0.1" if self.address in {"", "0.0.0.0", "::"} else self.address  # noqa: S104 - compared
        return f"http://{host}:{self.port}"

    def answers(self) -> bool:
        """Say whether it accepts connections."""
        with closing(socket.socket()) as probe:
            probe.settimeout(1)
            return probe.connect_ex((self.address, self.port)) == 0


def dashboard_of(plan: Plan, *, any_port: bool) -> Dashboard | None:
    """
    Choose the dashboard's port and password; None when it is left out.

    Raises Failure when its port is taken, unless any other will do.
    """
    if not plan.dashboard:
        return None
    settings = current_settings()
    address, port = settings.dashboard_address, plan.dashboard_port or settings.dashboard_port
    others = range(port, port + PORTS_TO_TRY) if any_port and plan.dashboard_port is None else ()
    found = next((one for one in (port, *others) if is_free(address, one)), None)
    if found is None:
        raise Failure(
            f"port {port} is taken: choose another with --dashboard-port, or leave the dashboard "
            "out with --no-dashboard"
        )
    chosen = settings.dashboard_password
    password = chosen.get_secret_value() if chosen else secrets.token_urlsafe(9)
    return Dashboard(address, found, settings.dashboard_user, password, made_up=chosen is None)


def is_free(address: str, port: int) -> bool:
    """Say whether we could listen there."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


def programs(plan: Plan, dashboard: Dashboard | None) -> Iterator[Program]:
    """Yield what is to run: workers, beat, dashboard. Each holds the embedded servers itself."""
    settings = current_settings()
    home = {variable("home"): str(settings.home)}
    if plan.rebuild_changed:
        home[variable("rebuild_changed")] = "true"
    concurrency = str(plan.concurrency or settings.concurrency)
    for node in plan.nodes:
        arguments = ("worker", "-n", node, "--concurrency", concurrency)
        yield Program(node.partition("@")[0], arguments, home)
    # Beats of several machines would tick twice; where they could meet, they share a lock.
    scheduler = () if addresses().embedded else ("-S", "workers.beat:Scheduler")
    yield Program("beat", ("beat", *scheduler), home)
    if dashboard:
        yield Program("dashboard", ("dashboard",), {**home, **as_environment(dashboard)})


def as_environment(dashboard: Dashboard) -> dict[str, str]:
    """Hand the password on where other users do not see it, as they would among arguments."""
    return {
        variable("dashboard_address"): dashboard.address,
        variable("dashboard_port"): str(dashboard.port),
        variable("dashboard_user"): dashboard.user,
        variable("dashboard_password"): dashboard.password,
    }


def forget_what_only_we_need() -> None:
    """Take out of our environment what the processes must not inherit."""
    current_settings()  # read first, once and for all
    for field in NOT_HANDED_ON:
        os.environ.pop(variable(field), None)
