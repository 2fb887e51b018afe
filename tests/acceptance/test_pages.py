"""The judge of the tutorial, judged: it must not be content with anything that is printed."""

from pathlib import Path

import pytest

from tests.acceptance.pages import Block, Step, blocks, changed, follow, is_as_told, steps

TEXT = "a = 1\n\n\nb = 2\n"


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("done in 48 ms\n", "done in 1.2 s\n"),
        ("at 2026-11-24 20:09:37.027  x\n", "at 2026-01-01 00:00:00.000 x\n"),
        ("one\ntwo\nthree\n", "…\nthree\n"),
        ("three\n", "…\nthree\n"),
        ("one  two  three\n", "one two …\n"),
        ("", ""),
    ],
)
def test_what_differs_from_run_to_run_may_differ(output: str, told: str) -> None:
    assert is_as_told(output, told)


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("done\n", "refused\n"),
        ("done\nwarning: but\n", "done\n"),
        ("done\n", "done\nand more\n"),
        ("one\ntwo\n", "…\nthree\n"),
        ("2 events\n", "3 events\n"),
        ("anything\n", ""),
    ],
)
def test_anything_else_may_not(output: str, told: str) -> None:
    assert not is_as_told(output, told)


def test_a_change_fits_in_exactly_one_place_or_is_refused() -> None:
    assert changed(TEXT, "-b = 2\n+b = 3\n") == "a = 1\n\n\nb = 3\n"
    assert (
        changed(TEXT, " a = 1\n+c = 3\n@@\n b = 2\n+d = 4\n") == "a = 1\nc = 3\n\n\nb = 2\nd = 4\n"
    )
    for misfit in ("-c = 3\n", "-\n+\n"):
        with pytest.raises(AssertionError, match="places for"):
            changed(TEXT, misfit)


def test_an_excerpt_must_be_in_the_file_that_is_there(tmp_path: Path) -> None:
    follow(Block("python", "# new.py\na = 1\nb = 2\n"), tmp_path)
    follow(Block("python", "# new.py\nb = 2\n"), tmp_path)

    with pytest.raises(AssertionError, match=r"shows another new\.py"):
        follow(Block("python", "# new.py\nb = 3\n"), tmp_path)
    assert (tmp_path / "new.py").read_text() == "a = 1\nb = 2\n"


def test_a_page_is_taken_apart_into_commands_and_what_they_print(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Text.\n\n```console\n$ a\nx\ny\n^C\n$ b\n```\n\n```python\nc\n```\n")
    console, python = blocks(page)

    assert python == Block("python", "c\n")
    assert list(steps(console)) == [Step("a", "x\ny\n"), Step(None, ""), Step("b", "")]
