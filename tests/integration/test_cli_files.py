"""`fleetlog submit --file`: a file of commands, however it comes and however often."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.fleets import TestFleet
from tests.integration.screens import interrupted, running, told
from tests.polling import eventually
from workers.fleet import fleet

Line = Mapping[str, Any]


@pytest.fixture
def batch() -> str:
    """A beginning of ids that no other test uses."""
    return uuid4().hex[:8]


def rings(batch: str, count: int) -> list[Line]:
    return [
        {"command": "Ring", "data": {"toy_id": f"{batch}-{n % 3}", "note": n}} for n in range(count)
    ]


def as_bytes(lines: Sequence[Line | str]) -> bytes:
    return "".join(
        f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines
    ).encode()


def write(path: Path, lines: Sequence[Line | str]) -> str:
    data = as_bytes(lines)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return str(path)


def notes(toy_id: str) -> list[int]:
    return [event.payload["note"] for event in fleet.store.load_events(toy_id)]


@pytest.mark.usefixtures("worked")
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_files_commands_take_effect_in_its_order(tmp_path: Path, batch: str, name: str) -> None:
    file = write(tmp_path / name, rings(batch, 30))
    done = told("submit", "--file", file, "--wait", "--json")

    assert done.status == 0, done.err
    assert notes(f"{batch}-0") == list(range(0, 30, 3))
    assert notes(f"{batch}-2") == list(range(2, 30, 3))


@pytest.mark.usefixtures("worked")
def test_a_file_may_come_on_standard_input(batch: str) -> None:
    done = told("submit", "-f", "-", "--wait", input=gzip.compress(as_bytes(rings(batch, 3))))

    assert done.status == 0, done.err
    assert "3 commands   3 done" in done.out
    assert notes(f"{batch}-0") == [0]


@pytest.mark.usefixtures("worked")
def test_the_same_file_again_is_nothing_but_repeats(tmp_path: Path, batch: str) -> None:
    file = write(tmp_path / "a", rings(batch, 1500))
    first = told("submit", "--file", file, "--wait", "--json").json
    again = told("submit", "--file", file, "--wait", "--json").json

    assert (first["new"], first["repeats"], first["done"]) == (1500, 0, 1500)
    assert (again["new"], again["repeats"], again["done"]) == (0, 1500, 1500)
    assert again["p50_seconds"] is None
    assert len(notes(f"{batch}-0")) == 500


@pytest.mark.usefixtures("worked")
def test_a_longer_file_goes_on_where_a_shorter_one_stopped(tmp_path: Path, batch: str) -> None:
    told("submit", "--file", write(tmp_path / "a", rings(batch, 10)), "--wait")
    longer = told("submit", "--file", write(tmp_path / "b", rings(batch, 15)), "--wait", "--json")

    assert (longer.json["new"], longer.json["repeats"], longer.json["done"]) == (5, 10, 15)


@pytest.mark.usefixtures("worked")
def test_a_line_that_stands_there_twice_is_one_command(tmp_path: Path, batch: str) -> None:
    line = rings(batch, 1)[0]
    done = told("submit", "--file", write(tmp_path / "a", [line, line, line]), "--wait", "--json")

    assert (done.json["new"], done.json["repeats"], done.json["done"]) == (1, 2, 3)
    assert notes(f"{batch}-0") == [0]


@pytest.mark.usefixtures("worked")
def test_the_summary_tells_how_long_it_took_from_submission_to_outcome(
    tmp_path: Path, batch: str
) -> None:
    done = told("submit", "--file", write(tmp_path / "a", rings(batch, 50)), "--wait", "--json")

    assert 0 < done.json["p50_seconds"] <= done.json["p99_seconds"]
    assert done.json["per_second"] > 0


@pytest.mark.usefixtures("worked")
def test_refused_commands_are_counted_and_told_by_the_status(tmp_path: Path, batch: str) -> None:
    label = {"command": "Label", "data": {"toy_id": batch, "text": "a"}}
    again = {**label, "command_id": str(uuid4())}
    done = told("submit", "--file", write(tmp_path / "a", [label, again]), "--wait")

    assert done.status == 1
    assert "1 done   1 rejected" in done.out


@pytest.mark.usefixtures("worked")
def test_a_line_brings_its_actor_its_id_and_its_time(tmp_path: Path, batch: str) -> None:
    envelope = {"command_id": str(uuid4()), "actor": "bob", "time": "2019-05-20T07:07:47.000Z"}
    told("submit", "-f", write(tmp_path / "a", [{**rings(batch, 1)[0], **envelope}]), "--wait")
    (rang,) = fleet.store.load_events(f"{batch}-0")

    assert rang.metadata.actor == "bob"
    assert rang.metadata.command_id == envelope["command_id"]
    assert rang.metadata.occurred_at == envelope["time"]


@pytest.mark.usefixtures("worked")
def test_a_bad_line_stops_the_file_and_says_what_was_accepted(tmp_path: Path, batch: str) -> None:
    lines = [*rings(batch, 2), {"command": "Ring", "data": {"toy_id": batch}}, *rings(batch, 3)]
    stopped = told("submit", "--file", write(tmp_path / "a", lines))

    assert stopped.status == 1
    assert stopped.err.startswith("Error: line 3: Ring.note is missing. 2 commands accepted")


@pytest.mark.usefixtures("worked")
def test_bad_lines_are_passed_over_on_demand(tmp_path: Path, batch: str) -> None:
    lines: list[Line | str] = ["nonsense", *rings(batch, 3), '{"command":"Ring","data":[]}']
    done = told("submit", "--file", write(tmp_path / "a", lines), "--wait", "--skip-bad")

    assert done.status == 1
    assert "3 commands   3 done" in done.out
    assert "2 bad lines" in done.out
    assert "passed over line 1: JSON is malformed" in done.err
    assert "passed over line 5: data: Expected object, got array" in done.err


@pytest.mark.usefixtures("worked")
@pytest.mark.parametrize("skip", [(), ("--skip-bad",)])
def test_an_id_that_named_another_command_is_told_by_its_line(
    tmp_path: Path, batch: str, skip: tuple[str, ...]
) -> None:
    one, two, three = rings(batch, 3)
    id = {"command_id": str(uuid4())}
    lines = [{**one, **id}, {**two, **id}, three]
    done = told("submit", "--file", write(tmp_path / "a", lines), *skip)

    assert done.status == 1
    assert f"line 2: command id {id['command_id']} was used before, for another" in done.err
    assert fleet.inbox.find(UUID(id["command_id"])) is not None
    assert ("2 commands" in done.out) == bool(skip)


@pytest.mark.usefixtures("worked")
def test_a_value_that_cannot_be_stored_is_told_by_its_line(tmp_path: Path, batch: str) -> None:
    bad = {"command": "Label", "data": {"toy_id": batch, "text": "a\0b"}}
    stopped = told("submit", "--file", write(tmp_path / "a", [*rings(batch, 2), bad]))

    assert stopped.status == 1
    assert "line 3: Label.text holds a NUL" in stopped.err
    assert "2 commands accepted and kept before it" in stopped.err


@pytest.mark.usefixtures("worked")
def test_a_file_that_is_not_there_is_told_in_a_sentence() -> None:
    assert told("submit", "--file", "nowhere").err == "Error: No such file or directory: nowhere\n"


@pytest.mark.usefixtures("idle")
def test_waiting_has_an_end_and_says_what_is_kept(tmp_path: Path, batch: str) -> None:
    file = write(tmp_path / "a", rings(batch, 3))
    waited = told("submit", "--file", file, "--wait", "--timeout", "0.2")

    assert waited.status == 1
    assert waited.err.startswith("Error: 3 commands had no outcome after 0.2 s; 3 commands acc")


def test_ctrl_c_says_what_is_kept(tmp_path: Path, batch: str, idle: TestFleet) -> None:
    file = write(tmp_path / "a", rings(batch, 3))
    with running("submit", "--file", file, "--wait", environment=idle.environment) as process:
        eventually(lambda: fleet.redis.llen("commands"), 30)
        stopped = interrupted(process)

    assert stopped.status == 130
    assert "interrupted: 3 commands accepted and kept" in stopped.err
