"""A file of commands, line by line."""

import gzip
from pathlib import Path
from uuid import UUID

import pytest

from store.codec import Metadata
from store.inbox import Submission
from workers.console.lines import LONGEST_LINE, BadLineError, Envelope, id_of, opened, submission

LINE = b'{"command":"ReactivateUser","data":{"user_id":"ada"}}'
ME = Envelope("cli:me", "a test", "c-1")


def told(text: bytes) -> bytes:
    return b'{"command":"Label","data":{"toy_id":"a","text":' + text + b"}}"


def parsed(text: bytes) -> Submission:
    return submission(7, text, ME)


def numbered(path: Path) -> list[tuple[int, bytes]]:
    with opened(str(path)) as source:
        return list(source)


def test_a_file_is_read_the_same_whether_it_is_packed_or_not(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    plain.write_bytes(LINE + b"\n" + LINE)
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    assert numbered(plain) == numbered(packed) == [(1, LINE), (2, LINE)]


def test_empty_lines_count_but_are_no_commands(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"\n" + LINE + b"\n  \n")

    assert numbered(file) == [(2, LINE)]


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    file = tmp_path / "empty"
    file.touch()

    assert numbered(file) == []


def test_a_cut_off_archive_is_told_by_the_line_where_it_breaks(tmp_path: Path) -> None:
    file = tmp_path / "cut.gz"
    file.write_bytes(gzip.compress(LINE * 100)[:-12])

    with pytest.raises(BadLineError, match="the file is damaged here"):
        numbered(file)


def test_a_line_brings_its_own_envelope_and_the_command_line_the_rest() -> None:
    line = (
        b'{"command":"ReactivateUser","data":{"user_id":"ada"},"actor":"bob","causation_id":"c-0",'
        b'"time":"2019-05-20T07:07:47.000Z","command_id":"454c7d35-212e-562f-a9eb-c89608c738f6"}'
    )

    assert parsed(line).command_id == UUID("454c7d35-212e-562f-a9eb-c89608c738f6")
    assert parsed(line).metadata == Metadata(
        actor="bob",
        reason="a test",
        correlation_id="c-1",
        causation_id="c-0",
        occurred_at="2019-05-20T07:07:47.000Z",
    )
    assert parsed(LINE).metadata.actor == "cli:me"


def test_a_line_without_an_id_has_the_same_one_every_time() -> None:
    other = LINE.replace(b"ada", b"bob")

    assert parsed(LINE).command_id == id_of(LINE) == parsed(LINE).command_id
    assert parsed(other).command_id != parsed(LINE).command_id


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"garbage", "JSON is malformed"),
        (b"[]", "Expected object"),
        (b"{}", "missing required field command"),
        (b'{"command":1,"data":{}}', "command: Expected str"),
        (b'{"command":"ReactivateUser","dat":{}}', "unknown field dat"),
        (b'{"command":"ReactivateUser","data":{}}', "ReactivateUser.user_id is missing"),
        (
            b'{"command":"ReactivateUser","data":{"user_id":1}}',
            "ReactivateUser.user_id must be str",
        ),
        (b'{"command":"Nope","data":{}}', "'Nope'"),
        (LINE[:-1] + b',"command_id":"1"}', "command_id: Invalid UUID"),
        (LINE[:-1] + b',"time":"yesterday"}', "time: must be like"),
        (told(b"1e400"), "data.text is not a finite number"),
        (told(b"NaN"), "data.text is not a finite number"),
        (told(b"9" * 4301), "data.text does not fit into 64 bits"),
        (told(b'{"a":["\\ud800"]}'), "data.text.a[0] holds a NUL or half a surrogate"),
        (told(b'"\xff"'), "data.text: is not UTF-8"),
        (told(b"[" * 5000 + b"]" * 5000), "is nested too deeply"),
        (told(b'"' + b"x" * LONGEST_LINE + b'"'), "bytes, more than 2,097,152"),
        (told(b'"x"}'), "JSON is malformed"),
        (LINE[:-1] + rb',"\u001b[31m":1}', r"unknown field \x1b[31m"),
    ],
)
def test_a_bad_line_is_told_by_number_and_field(text: bytes, said: str) -> None:
    with pytest.raises(BadLineError) as refused:
        parsed(text)

    assert str(refused.value).startswith("line 7: ")
    assert said in str(refused.value)
