"""What pytest reported, and what that says about a mutant."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.mutants.mutant import Mutant


@dataclass(frozen=True)
class Red:
    """A test that did not pass; `broken`: it could not even be tried, or was skipped."""

    test: str
    said: str
    broken: bool


class Verdict(StrEnum):
    CAUGHT = "caught"
    SURVIVED = "SURVIVED"
    ERROR = "ERROR"


@dataclass(frozen=True)
class Judged:
    """One mutant's end: which tests caught it, and what the first of them said."""

    mutant: Mutant
    verdict: Verdict
    caught_by: tuple[str, ...] = ()
    said: str = ""
    seconds: float = 0.0


class CannotRunError(Exception):
    """Nothing can be said: the tests did not run as they should."""


def read_report(report: Path, wanted: int) -> list[Red]:
    """Return what is red in a report that pytest has written."""
    cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 - our own pytest wrote it
    if len(cases) < wanted:
        raise CannotRunError(f"{len(cases)} of {wanted} tests ran")
    return [
        Red(name_of(case), words(flaw), broken=flaw.tag != "failure")
        for case in cases
        for flaw in case
        if flaw.tag in {"failure", "error", "skipped"}
    ]


def name_of(case: ET.Element) -> str:
    return f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"


def words(flaw: ET.Element) -> str:
    """Return what a test said in the end; its own lines of code are no words of its."""
    lines = (flaw.text or "").splitlines()
    said = [line[1:].strip() for line in lines if line.startswith("E")]
    return "\n".join(line for line in said if line) or flaw.get("message") or ""


def judge(mutant: Mutant, reds: Sequence[Red], seconds: float) -> Judged:
    """Caught is what every test named for it found, and for the right reason."""
    if not reds:
        return Judged(mutant, Verdict.SURVIVED, seconds=seconds)
    failed = {red.test for red in reds if not red.broken}
    broken = [red for red in reds if red.test not in failed]
    caught = [red for red in reds if not red.broken and re.search(mutant.symptom, red.said)]
    tests = tuple(dict.fromkeys(red.test for red in caught))
    blind = [test for test in mutant.tests if test not in tests]
    if broken:
        said = f"{broken[0].test} could not be tried: {broken[0].said}"
    elif blind and blind[0] in failed:
        red = next(red for red in reds if red.test == blind[0])
        said = f"{red.test} is red, but not for {mutant.symptom!r}: {red.said}"
    elif blind:
        said = f"{blind[0]} is to catch it and did not notice"
    else:
        return Judged(mutant, Verdict.CAUGHT, tests, caught[0].said, seconds)
    return Judged(mutant, Verdict.ERROR, tests, said, seconds)
