"""A domain of somebody else's that cannot be loaded: one sentence, with the line that is wrong."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.processes import OURS, ROOT
from workers.shadows import ShadowedError, require_our_own

AGGREGATE = """
from domain.aggregate import Aggregate
from domain.command import Command
from domain.event import Event


class {name}Happened(Event):
    pass


class Do{name}(Command):
    user_id: str


class {name}(Aggregate[{name}Happened, Do{name}], id="user_id"):
    def execute(self, command: Do{name}) -> None: ...
    def apply(self, event: {name}Happened) -> None: ...
"""
PROJECTION = """
from dataclasses import dataclass
from sqlalchemy import Column, MetaData, String, Table
from store.projection import RowProjection, read_models


@dataclass(frozen=True, slots=True)
class Entry:
    note_id: str


class Notes(RowProjection[Entry], name="{name}"):
    row = Entry
    table = Table("{name}", {metadata}, Column({column}))
    aggregate_types = frozenset({{"Note"}})

    def evolve_row(self, row, event):
        return row
"""
KEY = '"note_id", String(255), primary_key=True'
MODULES = {
    "unfinished": ("class Ticket(\n", "SyntaxError: '(' was never closed ({file}, line 1)"),
    "needy": ("\nimport acme.elsewhere\n", "No module named 'acme.elsewhere' ({file}, line 2)"),
    "wrong_import": (
        "from domain.event import Evnt\n",
        "ImportError: cannot import name 'Evnt' from 'domain.event'",
    ),
    "failing": ("def f():\n    return 1 / 0\n\nf()\n", "ZeroDivisionError: division by zero"),
    "silent": ("raise KeyError\n", "KeyError: it does not say why ({file}, line 1)"),
    "twice": (
        AGGREGATE.format(name="User"),
        "aggregate type 'User' is already taken, by domain.users.user ({file}, line 15)",
    ),
    "other_columns": (
        PROJECTION.format(
            name="a", metadata="read_models", column='"id", String, primary_key=True'
        ),
        "Entry and table a differ in their columns",
    ),
    "no_key": (
        PROJECTION.format(name="b", metadata="read_models", column='"note_id", String(255)'),
        "table b has no primary key to find its rows by ({file}, line",
    ),
    "elsewhere_made": (
        PROJECTION.format(name="c", metadata="MetaData()", column=KEY),
        "table c must be declared on store.projection.read_models",
    ),
    "table_taken": (
        PROJECTION.format(name="user_read_model", metadata="read_models", column=KEY),
        "Table 'fleetlog_read_models.user_read_model' is already defined",
    ),
    "fold_taken": (
        PROJECTION.format(name="user_directory", metadata="read_models", column=KEY),
        "projection name 'user_directory' is already taken, by store.read_models.user_directory",
    ),
}
TELL = """
import sys
from store.errors import DomainSetupError
from workers.domains import load_domain

load_domain(["domain.users", "store.read_models"])
for name in sys.argv[1:]:
    try:
        load_domain([name])
    except DomainSetupError as error:
        print(error)
    else:
        print("loaded", name)
"""


def python(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**inherited, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def package(folder: Path, modules: Mapping[str, str]) -> None:
    (folder / "acme").mkdir(parents=True)
    (folder / "acme" / "__init__.py").touch()
    for name, text in modules.items():
        (folder / "acme" / f"{name}.py").write_text(text)


def test_what_cannot_be_loaded_is_told_in_one_sentence_with_its_line(tmp_path: Path) -> None:
    package(tmp_path, {name: text for name, (text, _) in MODULES.items()})

    names = [f"acme.{name}" for name in MODULES]
    said = python("-c", TELL, *names, cwd=tmp_path)

    assert said.stderr == ""
    lines = dict(zip(MODULES, said.stdout.splitlines(), strict=True))
    for name, (_, wanted) in MODULES.items():
        assert lines[name].startswith(f"FLEETLOG_DOMAIN names 'acme.{name}': it cannot be loaded: ")
        assert wanted.format(file=tmp_path / "acme" / f"{name}.py") in lines[name]


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("acme.twice", "Error: FLEETLOG_DOMAIN names 'acme.twice': it cannot be loaded: Value"),
        ("acme.nothing", "Error: FLEETLOG_DOMAIN names 'acme.nothing': No module named"),
        ("domain.mine", "'domain' is fleetlog's own package"),
    ],
)
def test_the_command_line_says_so_without_a_traceback(
    tmp_path: Path, module: str, why: str
) -> None:
    package(tmp_path, {"twice": AGGREGATE.format(name="User")})
    domain = f"domain.users,{module}"

    refused = python(
        *("-m", "workers.cli", "new", "aggregate", "Ticket"), cwd=tmp_path, FLEETLOG_DOMAIN=domain
    )

    assert refused.returncode == 1
    assert why in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_worker_that_cannot_load_it_says_so_without_a_traceback(tmp_path: Path) -> None:
    package(tmp_path, {"twice": AGGREGATE.format(name="User")})

    refused = python(
        *("-m", "celery", "-A", "workers.app", "worker"),
        cwd=tmp_path,
        FLEETLOG_DOMAIN="domain.users,acme.twice",
        FLEETLOG_HOME=str(tmp_path / "home"),
    )

    assert refused.returncode == 1
    assert refused.stderr.startswith("cannot start: FLEETLOG_DOMAIN names 'acme.twice': ")
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["domain", "store", "workers", "beat_schedule"])
def test_a_package_that_hides_one_of_ours_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()

    with pytest.raises(ShadowedError, match=f"hides fleetlog's own package '{name}'"):
        require_our_own([str(tmp_path), *sys.path])
    require_our_own([*sys.path, str(tmp_path)])


def test_a_fleet_is_not_started_where_its_processes_would_find_another_package(
    tmp_path: Path,
) -> None:
    (tmp_path / "workers.py").touch()
    start = "import sys; sys.path.remove(''); from workers.cli import main; main()"

    refused = python("-c", start, "up", cwd=tmp_path, PYTHONPATH=str(ROOT))

    assert refused.returncode == 1
    assert f"{tmp_path / 'workers.py'} hides fleetlog's own package 'workers'" in refused.stderr
    assert not (tmp_path / ".fleetlog").exists()
