"""Hostile lines in a file of commands: each told by its number, and the good ones are done."""

import json
import re
from itertools import islice
from pathlib import Path

import pytest

from tests.fleets import TestFleet
from tests.hostile.doors import FILE, INPUTS, SEARCHED
from tests.hostile.generate import seeded
from tests.hostile.judging import as_kept, as_sent, differing_streams, kept
from tests.hostile.lines import Line, hostile_lines
from tests.integration.screens import told
from workers.fleet import fleet

PASSED_OVER = re.compile(r"^passed over line (\d+): (.*)$", re.MULTILINE)
SHOWN_FAULTS = "workers.console.faults.SHOWN_FAULTS"
EVERY = 10  # lines between two good ones
STOPS = 60


def drawn(seed: int, number: int) -> list[Line]:
    return list(islice(hostile_lines(seeded(seed)), number))


def good_line(number: int) -> bytes:
    return json.dumps({"command": "Ring", "data": {"toy_id": "good", "note": number}}).encode()


def work_off_everything() -> set[str]:
    fleet.handler.work_off(fleet.inbox.inboxes(0, 10**9), suspicious=False)
    return {row.status for row in kept()}


def once(things: list[tuple[str, str, object]]) -> list[tuple[str, str, object]]:
    """Return them in a fixed order, equal ones once: equal lines are one command."""
    return [json.loads(text) for text in sorted({json.dumps(thing) for thing in things})]


@pytest.fixture
def every_fault_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SHOWN_FAULTS, INPUTS[FILE])


def test_every_hostile_line_is_told_by_its_fault_and_the_good_ones_among_them_are_done(
    tmp_path: Path, idle: TestFleet, every_fault_shown: None
) -> None:
    sent = drawn(4, INPUTS[FILE] - SEARCHED[FILE] - STOPS)
    lines: dict[int, Line] = {}
    file = tmp_path / "hostile.jsonl"
    with file.open("wb") as out:
        for number, line in enumerate(sent):
            if number % EVERY == 0:
                out.write(good_line(number) + b"\n")
            out.write(line.text + b"\n")
            lines[number + number // EVERY + 2] = line
    done = told("submit", "--file", str(file), "--skip-bad", "--json")
    passed = {int(number): said for number, said in PASSED_OVER.findall(done.err)}
    statuses = work_off_everything()
    rows = [row for row in kept() if row.aggregate_id != "good"]
    legal = [as_sent(line.hostile) for line in sent if line.hostile and line.is_legal]

    assert sorted(passed) == sorted(n for n, line in lines.items() if not line.is_legal)
    assert {n: said for n, said in passed.items() if not lines[n].is_told_by(said)} == {}
    assert done.json["bad_lines"] == len(passed)
    assert done.status == 1
    assert once([as_kept(row) for row in rows]) == once(legal)
    assert statuses == {"done"}
    assert differing_streams() == []
    assert [e.payload["note"] for e in fleet.store.load_events("good")] == list(
        range(0, len(sent), EVERY)
    )


def test_a_file_stops_at_each_kind_of_hostile_line_and_what_was_before_it_is_done(
    tmp_path: Path, idle: TestFleet
) -> None:
    bad = [line for line in drawn(5, 3 * STOPS) if not line.is_legal][:STOPS]
    for number, line in enumerate(bad):
        file = tmp_path / f"{number}.jsonl"
        file.write_bytes(b"\n".join([good_line(number), line.text, good_line(-1)]))
        stopped = told("submit", "--file", str(file))

        assert stopped.status == 1
        assert stopped.err.startswith("Error: line 2: ")
        assert "1 command accepted and kept before it" in stopped.err
        assert line.is_told_by(stopped.err.strip()), line.text[:200]
    statuses = work_off_everything()

    assert len(bad) == STOPS
    assert statuses == {"done"}
    assert [e.payload["note"] for e in fleet.store.load_events("good")] == list(range(STOPS))
