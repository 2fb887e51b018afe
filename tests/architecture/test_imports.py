"""What import-linter cannot say: it forbids packages by name, so it needs to know all names."""

import ast
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.architecture.source import ROOT, python_files, requirements


def imported_packages(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def third_party(*folders: str) -> set[str]:
    found = {package for path in python_files(*folders) for package in imported_packages(path)}
    return found - sys.stdlib_module_names - {"domain", "store", "workers", "beat_schedule"}


def test_the_domain_imports_nothing_but_itself_and_the_standard_library() -> None:
    assert third_party("domain") == set()


def test_every_package_we_import_is_one_we_ask_for() -> None:
    named = requirements("dependencies")
    origins = packages_distributions()
    unnamed = {
        package
        for package in third_party("domain", "store", "workers")
        if named.isdisjoint(name.lower().replace("_", "-") for name in origins.get(package, []))
    }

    assert unnamed == set()


def test_the_beat_schedule_imports_nothing_of_ours() -> None:
    imported = set(imported_packages(ROOT / "beat_schedule.py"))

    assert imported <= sys.stdlib_module_names
