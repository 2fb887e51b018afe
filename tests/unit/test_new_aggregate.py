"""`fleetlog new aggregate`: what it writes passes every check, and nothing there is harmed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.integration.screens import Told, told
from tests.processes import OURS, ROOT
from workers.settings import current_settings

LONGEST = "Abcdefghijklmnopqrstuvwxyz"
NAMES = ["Ticket", "support_ticket", "News", "HTTPServer", "ATM", "Closeable", "Area51", LONGEST]
LONG_PACKAGE = "abcdefghijklmnopqrs.abcdefghijklmnopqrst"
INI = ROOT / "pyproject.toml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where somebody stands who has no fleet and no server, and wants none."""
    monkeypatch.setenv("FLEETLOG_DOMAIN", "domain.users,domain.orders,store.read_models")
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.chdir(tmp_path)
    current_settings.cache_clear()
    yield tmp_path
    current_settings.cache_clear()


def new(*arguments: str) -> Told:
    return told("new", "aggregate", *arguments)


def run(*arguments: str, cwd: Path) -> str:
    """Run a tool as a user does, in a folder of theirs."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith((*OURS, "PYTEST"))}
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env=inherited,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_whatever_the_name_what_is_written_passes_every_check_unedited(folder: Path) -> None:
    for name in NAMES:
        assert new(name).status == 0
    assert new("Ledger", "--package", LONG_PACKAGE).status == 0

    run("ruff", "check", "--no-cache", "--config", str(INI), ".", cwd=folder)
    run("ruff", "format", "--no-cache", "--check", "--config", str(INI), ".", cwd=folder)
    cache = str(ROOT / ".mypy_cache" / "scaffold")
    run("mypy", "--config-file", str(INI), "--cache-dir", cache, ".", cwd=folder)
    passed = run("pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
    assert f"{4 * (len(NAMES) + 1)} passed" in passed


def test_it_says_what_to_do_next_and_lists_its_files_for_a_program(folder: Path) -> None:
    made = new("Ticket", "--package", "acme.tickets", "--json").json

    assert made["domain"] == "domain.users,domain.orders,store.read_models,acme.tickets"
    assert {one["path"] for one in made["files"]} == {str(folder / one) for one in files(folder)}
    assert all(one["written"] for one in made["files"])
    again = new("Ticket", "--package", "acme.tickets")
    assert f"export FLEETLOG_DOMAIN={made['domain']}\n" in again.out
    assert "python -m pytest tests/test_ticket.py" in again.out
    assert "= acme/tickets/events.py" in again.err


def test_it_may_be_written_into_another_folder(folder: Path) -> None:
    told = new("Ticket", "--into", "src")

    assert (folder / "src" / "ticket" / "events.py").exists()
    assert "cd src\n" in told.out


def test_a_file_that_was_edited_is_never_overwritten(folder: Path) -> None:
    new("Ticket", "--package", "acme.tickets")
    edited = folder / "acme" / "tickets" / "events.py"
    edited.write_text("# mine\n")
    (folder / "acme" / "tickets" / "commands.py").unlink()

    refused = new("Ticket", "--package", "acme.tickets")

    assert refused.status == 1
    assert "acme/tickets/events.py is there already and differs" in refused.err
    assert edited.read_text() == "# mine\n"
    assert not (folder / "acme" / "tickets" / "commands.py").exists()


def test_a_folder_that_was_there_keeps_its_own_arrangement(folder: Path) -> None:
    (folder / "tests").mkdir()
    (folder / "acme").mkdir()

    assert new("Ticket", "--package", "acme.tickets").status == 0
    assert not (folder / "tests" / "__init__.py").exists()
    assert not (folder / "acme" / "__init__.py").exists()


def test_nothing_stays_half_written(folder: Path) -> None:
    (folder / "tests").write_text("a file where a folder should be")

    refused = new("Ticket", "--package", "acme.tickets")

    assert refused.status == 1
    assert files(folder) == {"tests"}
    assert not (folder / "acme").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["User"], "aggregate User is declared already, in domain.users.user"),
        (["order"], "aggregate Order is declared already"),
        (["9lives"], "write it like Ticket or support_ticket"),
        (["Sup port"], "write it like Ticket or support_ticket"),
        (["../Ticket"], "write it like Ticket or support_ticket"),
        (["class"], "means something else"),
        (["Exception"], "means something else"),
        (["events"], "means something else"),
        (["Scenario"], "would hide Scenario"),
        (["Recorded"], "would hide RecordedEvent"),
        (["Domain", "--package", "domain.tickets"], "'domain' is fleetlog's own package"),
        (["Ticket", "--package", "json.tickets"], "would hide another"),
        (["Ticket", "--package", "sqlalchemy.tickets"], "'sqlalchemy' is installed already"),
        (["Ticket", "--package", "acme..tickets"], "not the name of a package"),
        ([LONGEST + "x"], "longer than 26 letters"),
    ],
)
def test_a_name_that_cannot_work_is_refused_and_nothing_written(
    folder: Path, arguments: list[str], why: str
) -> None:
    refused = new(*arguments)

    assert refused.status == 1
    assert why in refused.err
    assert files(folder) == set()


def test_the_templates_are_in_the_wheel(tmp_path: Path) -> None:
    run("hatchling", "build", "-t", "wheel", "-d", str(tmp_path), cwd=ROOT)

    (wheel,) = tmp_path.glob("*.whl")
    shipped = {Path(name).name for name in ZipFile(wheel).namelist() if "/templates/" in name}
    names = ("aggregate", "commands", "events", "package", "read_model", "test")
    assert shipped == {f"{name}.py.txt" for name in names}
