"""The end of a run: a table for people and documents, and one JSON document for programs."""

import json
from collections.abc import Sequence

from tests.mutants.mutant import Mutant
from tests.mutants.reading import Judged

HEAD = "| mutant | what is wrong with it | | by the test |\n|---|---|---|---|"


def as_table(judged: Sequence[Judged]) -> str:
    """Return a table in Markdown: what docs/mutants.md shows."""
    return "\n".join([HEAD, *map(row, judged)])


def row(judged: Judged) -> str:
    tests = "<br>".join(f"`{short(test)}`" for test in judged.caught_by)
    return f"| `{judged.mutant.name}` | {judged.mutant.why} | {judged.verdict} | {tests} |"


def short(test: str) -> str:
    """Return a test's name without the folders all of them share; its file says which it is."""
    return test.rpartition("/")[2]


def as_json(judged: Sequence[Judged]) -> str:
    documents = [
        {
            "mutant": one.mutant.name,
            "why": one.mutant.why,
            "verdict": one.verdict,
            "tests": one.mutant.tests,
            "caught_by": one.caught_by,
            "said": one.said,
            "seconds": round(one.seconds, 1),
        }
        for one in judged
    ]
    return json.dumps(documents, indent=2) + "\n"


def listing(mutants: Sequence[Mutant]) -> str:
    width = max(len(mutant.name) for mutant in mutants)
    return "\n".join(f"{mutant.name:{width}}  {mutant.why}" for mutant in mutants)
