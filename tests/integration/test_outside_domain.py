"""Somebody else's domain, in a package outside this repository: instead of ours, and beside it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest

from store.codec import RawEvent
from store.engine import Database, Role
from store.event_store import EventStore
from tests.conftest import TestDatabase
from tests.fleets import TestFleet, a_fleet
from tests.integration.lent import lent
from tests.polling import eventually
from tests.processes import OURS, started
from workers.embedded import Servers
from workers.settings import sqlalchemy_url

OUTSIDE = "acme.tickets"
BESIDE = f"domain.users,domain.orders,store.read_models,{OUTSIDE}"
WHAT_IS_DECLARED = """
import json, sys
from store.projection import projections, read_models
from workers import command_tasks
from workers.schedule import beat_entries

print(json.dumps({
    "tasks": sorted(command_tasks.TASKS),
    "projections": sorted(one.name for one in projections()),
    "tables": sorted(table.name for table in read_models.sorted_tables),
    "ticks": sorted(name for name in beat_entries() if name.startswith("projections.advance")),
    "ours": [name for name in ("domain.users", "domain.orders") if name in sys.modules],
}))
"""
TOLD = """
import json, sys
from click.testing import CliRunner
from workers.cli import cli

told = [CliRunner().invoke(cli, arguments) for arguments in json.loads(sys.argv[1])]
print(json.dumps([(one.exit_code, one.output + repr(one.exception or "")) for one in told]))
"""
CREATE_USER = ("CreateUser", "user_id=ada", "username=ada", "email=ada@example.org")


def submit(*command: str) -> tuple[str, ...]:
    return ("submit", *command, "--wait")


def python(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=env.get("PYTHONPATH"),
        env={**inherited, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def fleetlog(fleet: TestFleet, *commands: Sequence[str]) -> list[tuple[int, str]]:
    """Run commands of `fleetlog`, all in one process; returns the status and the text of each."""
    env = {**fleet.environment, "FLEETLOG_MIGRATION_URL": fleet.database.admin_url}
    ran = python("-c", TOLD, json.dumps(commands), **env)
    return [(status, text) for status, text in json.loads(ran.stdout)]


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder with the package in it, as `fleetlog new` writes it."""
    with TemporaryDirectory(prefix="fleetlog-") as folder:
        made = python(
            *("-m", "workers.cli", "new", "aggregate", "Ticket", "--package", OUTSIDE),
            PYTHONPATH=folder,
        )
        assert made.returncode == 0, made.stderr
        yield Path(folder)


@contextmanager
def a_fleet_of(database: TestDatabase, place: Path, domain: str) -> Iterator[TestFleet]:
    with a_fleet(database, FLEETLOG_DOMAIN=domain, PYTHONPATH=str(place)) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def theirs(running: Servers, place: Path) -> Iterator[TestFleet]:
    """Worker and beat that know their domain alone."""
    with ExitStack() as stack:
        database = stack.enter_context(lent(running))
        fleet = stack.enter_context(a_fleet_of(database, place, OUTSIDE))
        stack.enter_context(fleet.worker())
        stack.enter_context(
            started(
                *("-m", "celery", "-A", "workers.app", "beat", "--pidfile="),
                *("-s", str(fleet.home / "schedule")),
                environment=fleet.environment,
                log=fleet.home / "beat.log",
                ready="beat v",
            )
        )
        yield fleet


@pytest.fixture
def reader(theirs: TestFleet) -> Iterator[Database]:
    database = Database(sqlalchemy_url(theirs.database.url))
    yield database
    database.dispose()


def titles(reader: Database) -> dict[str, tuple[str, str | None]]:
    query = b"select ticket_id, title, closed from fleetlog_read_models.ticket_read_model"
    with reader.connect(Role.READER) as connection:
        return {id: (title, closed) for id, title, closed in connection.execute(query)}


def test_alone_it_is_all_there_is(place: Path) -> None:
    said = python("-c", WHAT_IS_DECLARED, PYTHONPATH=str(place), FLEETLOG_DOMAIN=OUTSIDE)

    assert json.loads(said.stdout) == {
        "tasks": ["close_ticket", "create_ticket"],
        "projections": ["ticket_board"],
        "tables": ["ticket_read_model"],
        "ticks": ["projections.advance ticket_board"],
        "ours": [],
    }


def test_its_commands_are_done_and_its_read_model_follows(
    theirs: TestFleet, reader: Database
) -> None:
    id = str(uuid4())
    ticket = f"ticket_id={id}"

    created, closed, refused = fleetlog(
        theirs,
        submit("CreateTicket", ticket, "title=Hot"),
        submit("CloseTicket", ticket, "reason=cooled"),
        submit("CloseTicket", ticket, "reason=again"),
    )

    assert (created[0], closed[0], refused[0]) == (0, 0, 1)
    assert f"ticket {id} is closed already" in refused[1]
    eventually(lambda: titles(reader).get(id) == ("Hot", "cooled"))


def test_the_beat_advances_its_projection_when_nobody_rings(
    theirs: TestFleet, reader: Database
) -> None:
    id = str(uuid4())
    happened = RawEvent(event_type="TicketCreated", data={"title": "Unrung"})

    EventStore(reader).append_events(id, 0, [happened], aggregate_type="Ticket")

    eventually(lambda: titles(reader).get(id) == ("Unrung", None))


def test_every_screen_works_where_our_domain_is_not(theirs: TestFleet) -> None:
    screens = [
        ("status",),
        ("projections",),
        ("commands",),
        ("rebuild", "ticket_board"),
        ("retry", "--projection", "ticket_board"),
        ("dead-letters",),
        ("replay", "ticket_board"),
        ("tail", "--from", "start", "--until-now"),
        ("export",),
        ("migrate",),
    ]

    *answers, audit = fleetlog(theirs, *screens, ("audit",))
    told = dict(zip(screens, answers, strict=True))

    assert {screen: text for screen, (status, text) in told.items() if status} == {}
    everything = "".join(text for _, text in told.values())
    assert "ticket_board" in everything
    for ours in ("user_directory", "order_board", "User"):
        assert ours not in everything
    assert audit[0] == 1
    assert "no audit log is kept here" in audit[1]


def test_beside_ours_both_work(running: Servers, place: Path) -> None:
    ticket = ("CreateTicket", "ticket_id=t1", "title=Hot")
    with (
        lent(running) as database,
        a_fleet_of(database, place, BESIDE) as fleet,
        fleet.worker(),
    ):
        told = fleetlog(fleet, submit(*CREATE_USER), submit(*ticket))
        assert [status for status, _ in told] == [0, 0]
        reader = Database(sqlalchemy_url(database.url))
        eventually(lambda: "t1" in titles(reader))
        with reader.connect(Role.READER) as connection:
            query = b"select user_id from fleetlog_read_models.user_read_model"
            eventually(lambda: connection.execute(query).fetchall() == [("ada",)])
        reader.dispose()
