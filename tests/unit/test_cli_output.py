"""What the screens are made of."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from workers.console.bars import Bars
from workers.console.logs import LogTail, brief, level
from workers.console.output import add, as_fields, counted, show, shown, span, table

WARNING = "2026-11-23T13:09:47.100302Z [warning  ] woke commands   [workers.relay] commands=10"
INFO = "2026-11-23T13:09:47.100302Z [info     ] a task            [celery] task=a.b task_id=1-2"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "yes"),
        (0, "0"),
        ("plain", "plain"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb", "a\\x0ab"),
        (datetime(2026, 2, 28, 9, 30, tzinfo=UTC), "2026-02-28 09:30:00.000"),
    ],
)
def test_a_value_is_shown_and_never_obeyed(value: object, text: str) -> None:
    assert shown(value) == text


def test_fields_are_told_on_one_line() -> None:
    fields = {"name": "ada", "items": ["a", "b"], "id": UUID(int=1), "gone": None}

    assert as_fields(fields) == (
        'name=ada  items=["a","b"]  id=00000000-0000-0000-0000-000000000001  gone=null'
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.0123, "12 ms"),
        (3.21, "3.2 s"),
        (600, "10 min"),
        (9000, "2 h"),
        (3e5, "3 days"),
    ],
)
def test_a_span_is_told_in_the_unit_that_fits_it(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_a_number_has_its_noun() -> None:
    assert counted(1, "event") == "1 event"
    assert counted(2000, "event") == "2,000 events"


def test_a_line_tells_its_level_in_both_of_our_formats() -> None:
    assert level(WARNING) == "warning"
    assert level('{"event": "x", "level": "error"}') == "error"
    assert level("  File a.py, line 1") is None


def test_a_brief_line_leaves_out_the_time_and_the_task() -> None:
    assert brief(WARNING) == "[warning ] woke commands [workers.relay] commands=10"
    assert brief(INFO) == "[info ] a task [celery]"


def test_only_warnings_of_a_log_are_shown_with_what_follows_them(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(f"{WARNING} of before\n")
    tail = LogTail(log, everything=False)
    with log.open("a") as file:
        file.write(f"{INFO}\n{WARNING}\n  its details\n{INFO}\nnothing of note\nhalf a li")

    assert list(tail.lines()) == [WARNING, "  its details"]
    with log.open("a") as file:
        file.write("ne\n")
    assert list(tail.last_words()) == ["nothing of note", "half a line"]


def test_all_of_a_log_is_shown_to_those_who_want_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    tail = LogTail(log, everything=True)
    log.write_text(f"a banner\n{INFO}\n")

    assert list(tail.lines()) == ["a banner", INFO]
    tail.close()


def test_a_log_that_grows_too_long_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.console.logs.LIMIT", 12)
    log = tmp_path / "a.log"
    log.touch()
    tail = LogTail(log, everything=True)
    with log.open("a") as file:
        file.write("the first line\n")
        file.flush()
        assert list(tail.lines()) == ["the first line"]
        file.write("the second\n")
        file.flush()

    assert list(tail.last_words()) == ["the second"]
    assert log.read_text() == "the second\n"
    assert (tmp_path / "a.log.old").read_text() == "the first line\n"


def test_without_a_terminal_progress_is_a_plain_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("workers.console.bars.PLAIN_EVERY", 0)
    with Bars() as bars:
        bars.bar("folded", 6000).at(2000, note="9/s")

    assert capsys.readouterr().err == "folded: 2,000 of 6,000  9/s  0 s\n"


def test_a_table_without_a_terminal_is_not_cut_and_has_no_blanks_at_its_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = table("name", "number", "text", right=("number",), wrap=("text",))
    add(made, "a", 1, "x" * 300)
    add(made, "[bold]b", 20, None)
    show(made)

    assert capsys.readouterr().out.splitlines() == [
        "name     number  text",
        f"a             1  {'x' * 300}",
        "[bold]b      20  -",
    ]
