"""The gate itself, on a project of one function: it must not call caught what was not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutants.gate import Gate
from tests.mutants.mutant import Edit, Mutant
from tests.mutants.reading import CannotRunError, Judged, Verdict
from tests.mutants.running import copied, run
from tests.mutants.table import as_json, as_table

CODE = "def double(n):\n    return 2 * n  # twice\n"
TESTS = """
import bell

def test_double():
    assert bell.double(2) == 4

def test_zero():
    assert bell.double(0) == 0

def test_red():
    assert bell.double(2) == 5
"""
DOUBLE, ZERO, RED = (f"test_bell.py::test_{name}" for name in ("double", "zero", "red"))
LOST = "assert 6 == 4"


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    (tmp_path / "bell.py").write_text(CODE)
    (tmp_path / "test_bell.py").write_text(TESTS)
    return Gate(tmp_path, lambda _: None, packages=("bell",))


def mutant(old: str, new: str, symptom: str = LOST, test: str = DOUBLE) -> Mutant:
    return Mutant("a-mutant", "It is wrong.", (Edit("bell.py", old, new),), (test,), symptom)


def test_a_mutant_is_caught_survives_or_cannot_be_judged(gate: Gate) -> None:
    judged = gate.run(
        [
            mutant("2 * n", "3 * n"),
            mutant("twice", "thrice"),
            mutant("2 * n", "nonsense"),
            mutant("def double", "def triple(:"),
            mutant("not there", "anywhere"),
        ]
    )
    caught = judged[0]

    assert [one.verdict for one in judged] == ["caught", "SURVIVED", "ERROR", "ERROR", "ERROR"]
    assert (caught.caught_by, LOST in caught.said) == ((DOUBLE,), True)
    assert "not for 'assert 6 == 4'" in judged[2].said
    assert "its text stands 0 times in bell.py" in judged[4].said
    assert (gate.root / "bell.py").read_text() == CODE  # only copies were changed


def test_a_test_that_was_to_catch_it_and_stays_green_is_an_error(gate: Gate) -> None:
    two = replace(mutant("2 * n", "3 * n"), tests=(DOUBLE, ZERO))
    (judged,) = gate.run([two])

    assert (judged.verdict, judged.caught_by) == ("ERROR", (DOUBLE,))
    assert judged.said == f"{ZERO} is to catch it and did not notice"


def test_a_run_that_does_not_end_is_ended(gate: Gate) -> None:
    (gate.root / "test_bell.py").write_text(
        "import time\n\ndef test_sleep():\n    time.sleep(60)\n"
    )
    with copied(gate.root) as copy, pytest.raises(CannotRunError, match="not finished within 2 s"):
        run(copy, ["test_bell.py::test_sleep"], seconds=2)


def test_nothing_is_judged_by_tests_that_are_red_anyway(gate: Gate) -> None:
    with pytest.raises(CannotRunError, match=f"red without any mutant: {RED}"):
        gate.run([mutant("2 * n", "3 * n", test=RED)])


def test_nothing_is_judged_by_a_test_that_is_not_there(gate: Gate) -> None:
    with pytest.raises(CannotRunError, match="no_such_test"):
        gate.run([mutant("2 * n", "3 * n", test="test_bell.py::no_such_test")])


def test_nothing_is_judged_by_code_that_is_not_the_copys(gate: Gate) -> None:
    elsewhere = Gate(gate.root, gate.say, packages=("bell", "json"))

    with pytest.raises(CannotRunError, match=f"not the copy is imported:.*{json.__name__}"):
        elsewhere.run([mutant("2 * n", "3 * n")])


def test_the_table_names_the_test_and_the_document_says_the_rest() -> None:
    judged = Judged(mutant("a", "b"), Verdict.CAUGHT, (f"tests/unit/{DOUBLE}",), LOST, 1.0)
    (document,) = json.loads(as_json([judged]))

    assert as_table([judged]).endswith(f"| `a-mutant` | It is wrong. | caught | `{DOUBLE}` |")
    assert (document["verdict"], document["said"]) == ("caught", LOST)
