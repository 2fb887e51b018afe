"""`fleetlog --help`: quick, complete, and without a server."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.processes import ROOT
from workers.cli import FAMILIES, cli

HEAVY = ("celery", "sqlalchemy", "psycopg", "redis", "pydantic", "rich", "workers.settings")
PROBE = f"""
import sys
from workers.cli import cli
cli(sys.argv[1:], standalone_mode=False)
sys.stdout.flush()
sys.exit(sum(name in sys.modules for name in {HEAVY}))
"""
NAMES = [str(command.name) for family in FAMILIES.values() for command in family]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(name: str) -> None:
    told = CliRunner().invoke(cli, [name, "--help"])

    assert told.exit_code == 0
    assert len(told.output.splitlines()) > 5


def test_the_help_names_every_command_in_whole_lines() -> None:
    told = CliRunner().invoke(cli, ["--help"]).output

    assert [name for name in NAMES if f"\n  {name} " not in told] == []
    assert "..." not in told.replace("[ARGS]...", "")


@pytest.mark.parametrize("arguments", [["--help"], ["submit", "--help"], ["up", "--help"]])
def test_help_imports_nothing_heavy_and_touches_no_server(
    tmp_path: Path, arguments: list[str]
) -> None:
    asked = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        text=True,
    )

    assert asked.returncode == 0, asked.stderr
    assert "Options:" in asked.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_command_is_wrong_usage() -> None:
    refused = CliRunner().invoke(cli, ["histroy"])

    assert refused.exit_code == 2
    assert "Did you mean 'history'?" in refused.output
