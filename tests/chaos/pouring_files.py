"""Files of malformed commands, through `fleetlog submit --file --skip-bad`."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

from tests.hostile.lines import Line
from tests.integration.screens import Told, told

PASSED_OVER = re.compile(r"^passed over line (\d+): (.*)$", re.MULTILINE)
LEAST, MOST = 3, 9  # bad lines; more than ten would only be counted
GONE_WRONG = "bad_lines"


class PouredFile:
    """One file; submitted again while the servers are away, for equal lines are one command."""

    def __init__(self, path: Path, lines: Iterator[Line], random: Random) -> None:
        self.path = path
        self.found: list[str] = []
        bad = (line for line in lines if not line.is_legal and len(line.text) < 100_000)
        self.lines = list(islice(bad, random.randint(LEAST, MOST)))
        good = {"command": "Ring", "data": {"toy_id": "filed", "note": random.randrange(12)}}
        texts = [*(line.text for line in self.lines), json.dumps(good).encode()]
        path.write_bytes(b"\n".join(texts) + b"\n")

    def submit(self) -> int | None:
        """Return how many lines were passed over; None when it has to be tried again."""
        said = told("submit", "--file", str(self.path), "--skip-bad", "--json")
        try:
            counted = said.json[GONE_WRONG]
        except (ValueError, KeyError, TypeError):
            return None  # it did not come to its end
        self.found = [*self.faults(said, counted)]
        return len(self.lines)

    def faults(self, said: Told, counted: int) -> Iterator[str]:
        """Yield what the command line should have said, and did not."""
        passed = {int(number): words for number, words in PASSED_OVER.findall(said.err)}
        if counted != len(self.lines):
            yield f"of a file's {len(self.lines)} malformed lines {counted} were passed over"
        for number, line in enumerate(self.lines, 1):
            if not line.is_told_by(passed.get(number, "")):
                words = passed.get(number, "nothing")
                yield f"of the malformed line {line.text[:200]!r} was said: {words:.200}"
