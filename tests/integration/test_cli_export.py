"""`fleetlog export`: what is asked for, whole or not at all."""

import os
import stat
from pathlib import Path
from uuid import uuid4

import pytest

from domain.users import User
from domain.users.events import UserCreated
from store.codec import Metadata, RawEvent
from store.following import STRETCH, EventFilter, Page, pages
from tests.fleets import TestFleet, a_fleet, connected
from tests.history_lines import history, parsed, read, written
from tests.integration import screens
from tests.integration.lent import lent
from tests.integration.screens import told
from workers.embedded import Servers
from workers.fleet import fleet

LINES = 40


@pytest.fixture(scope="module")
def kinds() -> tuple[str, str]:
    return f"a{uuid4().hex[:8]}", f"b{uuid4().hex[:8]}"


@pytest.fixture
def first(worked: TestFleet, tmp_path: Path, kinds: tuple[str, str]) -> int:
    """The position before the events of this test: 40 of two kinds that take turns."""
    before = fleet.store.safe_position()
    stamp = uuid4().hex[:8]
    lines = [
        {**one, "source": f"urn:log:{kinds[n % 2]}", "type": f"Type{n % 3}", "n": n}
        for n, one in enumerate(history(LINES, 4, prefix=stamp))
    ]
    told("import", written(tmp_path / "in.jsonl", lines))
    return before + 1


def numbers(*arguments: str) -> list[int]:
    done = told("export", *arguments)
    assert done.status == 0, done.err
    return [line["n"] for line in parsed(done.out)]


def test_lines_go_to_standard_output_from_and_to_a_position_both_included(first: int) -> None:
    stretch = ("--from", str(first + 5), "--to", str(first + 8))

    assert numbers("--from", str(first)) == list(range(LINES))
    assert numbers(*stretch) == [5, 6, 7, 8]
    assert numbers(*stretch, "--to", "now") == list(range(5, LINES))


def test_only_what_is_wanted_is_written(first: int, kinds: tuple[str, str]) -> None:
    since = ("--from", str(first))
    subjects = sorted({event.aggregate_id for event in fleet.store.get_all_events(first - 1)})
    every = range(LINES)

    assert numbers(*since, "--type", "Type1") == [n for n in every if n % 3 == 1]
    assert numbers(*since, "--type", "Type1", "--type", "Type2") == [n for n in every if n % 3]
    assert numbers(*since, "--aggregate-type", kinds[0]) == [n for n in every if n % 2 == 0]
    assert numbers(*since, "--aggregate", subjects[1]) == [n for n in every if n % 4 == 1]
    assert numbers(*since, "--aggregate", subjects[1], "--type", "Type1") == [1, 13, 25, 37]
    assert numbers(*since, "--aggregate", subjects[1], "--aggregate-type", kinds[0]) == []
    assert numbers(*since, "--type", "nobody's") == []


def test_a_file_is_packed_when_its_name_says_so_and_its_owners_alone(
    tmp_path: Path, first: int
) -> None:
    plain, packed = tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz"
    done = told("export", str(plain), "--from", str(first), "--json")
    told("export", str(packed), "--from", str(first))

    assert (done.json["events"], done.json["to"]) == (LINES, fleet.store.safe_position())
    assert read(plain) == read(packed)
    assert packed.read_bytes()[:2] == b"\x1f\x8b"
    assert stat.S_IMODE(plain.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "a.jsonl.gz", "in.jsonl"]


def test_an_export_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("before")

    def broken(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("workers.console.exporting.line_of", broken)
    failed = told("export", str(file), "--from", str(first))

    assert failed.status == 1
    assert failed.err == "Error: [Errno 28] No space left on device\n"
    assert file.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "in.jsonl"]


def test_neither_a_device_nor_a_link_is_replaced(tmp_path: Path, first: int) -> None:
    target, link, pipe = tmp_path / "a.jsonl", tmp_path / "link", tmp_path / "pipe"
    target.touch()
    link.symlink_to(target)
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    told("export", str(link), "--from", str(first))
    told("export", str(pipe), "--from", str(first), "--to", str(first))
    (line,) = parsed(os.read(reader, 1 << 16))
    os.close(reader)

    assert line["n"] == 0
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert link.is_symlink()
    assert len(read(target)) == LINES


def test_an_end_that_is_not_final_yet_is_refused(first: int) -> None:
    safe = fleet.store.safe_position()
    refused = told("export", "--to", str(safe + 1))

    assert refused.status == 1
    assert refused.err == (
        f"Error: events are final up to position {safe:,} only; --to now ends there\n"
    )


@pytest.mark.parametrize("words", [("--from", "0"), ("--to", "soon"), ("--json",)])
@pytest.mark.usefixtures("worked")
def test_wrong_words_are_wrong_usage(words: tuple[str, ...]) -> None:
    assert told("export", *words).status == 2


def test_events_of_ours_go_out_and_come_into_another_fleet(
    tmp_path: Path, idle: TestFleet, running: Servers
) -> None:
    created = UserCreated(user_id="ada", username="ada", email="ada@example.org")
    metadata = Metadata(actor="eve", reason="a test")
    odd_data = RawEvent(event_type="Odd", data={"a": [1.5]})
    fleet.store.append_events("ada", 0, [created], metadata=metadata)
    fleet.store.append_events("x", 0, [odd_data], aggregate_type="Odd")
    file = tmp_path / "all.jsonl"
    told("export", str(file))
    ours, odd = read(file)

    again = told("import", str(file), "--json").json
    with lent(running) as database, a_fleet(database) as other, connected(other.environment):
        moved = told("import", str(file), "--json").json
        user = fleet.repository.load(User, "ada")
        told("export", str(tmp_path / "moved.jsonl"))

    assert ours["source"] == "urn:fleetlog:User"
    assert (ours["actor"], ours["reason"], ours["schemaversion"]) == ("eve", "a test", 2)
    assert (odd["source"], odd["data"]) == ("urn:fleetlog:Odd", {"a": [1.5]})
    assert (again["new"], again["repeats"]) == (0, 2)
    assert (moved["new"], user.username, user.version) == (2, "ada", 1)
    assert read(tmp_path / "moved.jsonl") == [ours, odd]


def test_a_reader_that_goes_away_ends_it_without_a_word(first: int, worked: TestFleet) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with screens.running("export", environment=worked.environment, stdout=write_end) as process:
        os.close(write_end)
        _, said = process.communicate(timeout=30)

    assert (process.returncode, said) == (0, "")


def test_pages_go_past_long_stretches_without_what_is_wanted(
    first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(event_type: str) -> list[Page]:
        upto = first + LINES - 1
        wanted = EventFilter(event_types=(event_type,))
        return list(pages(fleet.database, wanted, after=first - 1, upto=upto, page=2))

    assert STRETCH > LINES
    monkeypatch.setattr("store.following.STRETCH", 7)
    some, none = found("Type1"), found("nobody's")

    assert len([e for page in some for e in page.events]) == len(range(1, LINES, 3))
    assert max(len(page.events) for page in some) == 2
    assert some[-1].position == first + LINES - 1
    assert [page.position - first + 1 for page in none] == [7, 14, 21, 28, 35, LINES]
