"""The mutants keep up with the code: a gate that no longer bites would look like a green one."""

import ast
import re

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import DoesNotApplyError, Edit, Mutant, mutated
from tests.mutants.running import ROOT

ROW = re.compile(r"^\| `([a-z-]+)` \|.*\| caught \|", re.MULTILINE)
by_name = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)


def functions(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@by_name
def test_every_mutant_still_applies_and_is_code(mutant: Mutant) -> None:
    changed = mutated(mutant, ROOT)

    assert changed
    for path, text in changed.items():
        assert text != path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            ast.parse(text)


@by_name
def test_the_tests_that_are_to_catch_it_exist(mutant: Mutant) -> None:
    assert mutant.tests
    for test in mutant.tests:
        file, _, name = test.partition("::")
        assert name.partition("[")[0] in functions(file)


def test_no_two_mutants_share_a_name() -> None:
    names = [mutant.name for mutant in MUTANTS]

    assert len(set(names)) == len(names)


def test_the_published_table_shows_every_mutant_as_caught() -> None:
    page = (ROOT / "docs" / "mutants.md").read_text(encoding="utf-8")

    assert ROW.findall(page) == [mutant.name for mutant in MUTANTS]


@pytest.mark.parametrize("old", ["def mutated(", "the_text_that_is_gone"], ids=["twice", "gone"])
def test_a_text_that_does_not_stand_in_its_file_exactly_once_is_an_error(old: str) -> None:
    edits = (Edit("tests/unit/test_mutants.py", f'"{old}', "x"), Edit("Makefile", old, "x"))
    mutant = Mutant("rotten", "Its code has moved on.", edits, (), "")

    with pytest.raises(DoesNotApplyError, match="rotten: its text stands 0 times in Makefile"):
        mutated(mutant, ROOT)
