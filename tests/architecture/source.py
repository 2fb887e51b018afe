"""The project's own files, as the architecture tests see them."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("domain", "store", "workers", "tests", "benchmarks", "deploy")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(*folders: str) -> Iterator[Path]:
    """Every Python file below `folders` (all by default), and those at the top."""
    if not folders:
        yield from sorted(ROOT.glob("*.py"))
    for folder in folders or CODE:
        yield from sorted((ROOT / folder).rglob("*.py"))


def documents() -> Iterator[Path]:
    """Every page of documentation."""
    yield from sorted(ROOT.glob("*.md"))
    yield from sorted((ROOT / "docs").rglob("*.md"))


def is_migration(path: Path) -> bool:
    return "migrations" in path.relative_to(ROOT).parts


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, Function):
            yield node


def length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def requirements(*groups: str) -> set[str]:
    """Return the distributions that pyproject.toml names in these groups, without versions."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = {"dependencies": project["dependencies"], **project["optional-dependencies"]}
    return {re.split(r"[^a-z0-9-]", line)[0] for group in groups for line in listed[group]}
