"""The tutorial, followed to the letter: every command is run, every line of code used."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.pages import Block, Step, blocks, follow, is_as_told, steps
from tests.acceptance.terminals import Terminal, a_terminal
from tests.polling import eventually
from tests.processes import OURS, ROOT
from workers.embedded import stop

PAGE = ROOT / "docs" / "tutorial.md"
READY = "Ctrl-C stops everything; the data stays"
ASKING = ("python board.py", "fleetlog history", "fleetlog projections")
PATIENCE = 240
CLEAN = ("All checks passed!\n", "files already formatted\n")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder that others may pass through: PostgreSQL is never root, and tests may be."""
    tmp_path.chmod(0o711)
    return tmp_path


@pytest.fixture
def reader(home: Path) -> Mapping[str, str]:
    """The environment of somebody who has set nothing yet."""
    theirs = {k: v for k, v in os.environ.items() if not k.startswith((*OURS, "PYTEST"))}
    return theirs | {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "COLUMNS": "80"}


@pytest.fixture
def terminals(home: Path, reader: Mapping[str, str]) -> Iterator[tuple[Terminal, Terminal]]:
    """The reader's two; the second stands in the folder that is only made on the way."""
    with ExitStack() as stack:
        # Nothing is left where it ends well; the servers of a fleet that was killed live on.
        stack.callback(stop, home / "helpdesk" / ".fleetlog")
        first = stack.enter_context(a_terminal(ROOT, reader, PATIENCE))
        second = stack.enter_context(a_terminal(ROOT, reader, PATIENCE))
        yield first, second


def test_every_step_of_the_tutorial_works(home: Path, terminals: tuple[Terminal, Terminal]) -> None:
    first, second = terminals
    second.run(f'export PATH="{ROOT}/.venv/bin:$PATH"')
    for block in blocks(PAGE):
        assert block.language in {"console", "python", "diff"}, block
        if block.language != "console":
            follow(block, home / "helpdesk")
        elif is_of_the_fleet(block):
            for step in steps(block):
                require_as_told(step, live(second, step))
        else:
            for step in steps(block):
                tell(first, step)
    for check in ("check", "format --check"):
        said = first.run(f"ruff {check} --no-cache --config {ROOT}/pyproject.toml acme tests")
        assert said.endswith(CLEAN), said


def is_of_the_fleet(block: Block) -> bool:
    return any(step.command is None or is_up(step.command) for step in steps(block))


def is_up(command: str) -> bool:
    return command.startswith("fleetlog up")


def live(terminal: Terminal, step: Step) -> str:
    if step.command is None:
        terminal.interrupt()
        return ""
    if is_up(step.command):
        return terminal.start(step.command, READY)
    return terminal.run(step.command)


def tell(terminal: Terminal, step: Step) -> None:
    """Run a command; one that only asks may be asked again until the read model has followed."""
    command = step.command or ""
    if command.startswith(ASKING):
        said: list[str] = []

        def is_told() -> bool:
            said.append(terminal.run(command))
            return is_as_told(said[-1], step.output)

        try:
            eventually(is_told, 20)
        except AssertionError:
            require_as_told(step, said[-1])
    else:
        require_as_told(step, terminal.run(command))


def require_as_told(step: Step, output: str) -> None:
    assert is_as_told(output, step.output), (
        f"the page says of {step.command}\n{step.output}\nbut it prints\n{output}"
    )
