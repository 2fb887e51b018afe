"""What strangers say, made fit to be kept and shown."""

import pytest

from store.storable import printable, storable_text


def nested(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("plain", "plain"),
        ("a\x00b\ud800c", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"),
        ("x" * 50, "x" * 20),
        (7, "7"),
        (10**4301, "(int)"),
        (nested(100_000), "(list)"),
    ],
    ids=["text", "unstorable", "long", "number", "endless number", "endless nesting"],
)
def test_what_a_stranger_says_can_be_kept_whatever_it_is(said: object, kept: str) -> None:
    assert storable_text(said, 20) == kept


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("note", "note"),
        ("\x1b[31m\x00\ud800", r"\x1b[31m\x00\ud800"),
        ("x" * 200, "x" * 100),
        ("", "(nothing)"),
        (10**4301, "(int)"),
    ],
    ids=["plain", "unprintable", "long", "empty", "no text"],
)
def test_a_name_in_an_error_can_be_shown_and_kept(name: object, shown: str) -> None:
    assert printable(name) == shown
