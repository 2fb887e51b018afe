"""A file of events, line by line."""

import json

import pytest

import domain.users  # noqa: F401 - whose events are refused where its class cannot read them
from tests.history_lines import as_bytes, cloud_event
from workers.console.event_lines import CHUNK, CHUNK_BYTES, Reading, chunks, event_of
from workers.console.faults import Faults
from workers.console.lines import LONGEST_LINE, BadLineError

OURS = {"source": "urn:fleetlog:User", "type": "UserDeactivated", "data": {"reason": "left"}}


def complaint(line: object, reading: Reading = Reading()) -> str:  # noqa: B008 - a tuple
    text = line if isinstance(line, bytes) else json.dumps(line).encode()
    with pytest.raises(BadLineError) as refusal:
        event_of(7, text, reading)
    return str(refusal.value)


def sizes(lines: list[bytes], faults: Faults) -> list[int]:
    numbered = iter(list(enumerate(lines, start=1)))
    return [len(chunk) for chunk in chunks(numbered, Reading(), faults)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"nonsense", "JSON is malformed"),
        (b'{"specversion": "1.0"', "Input data was truncated"),
        (b"[]", "Expected object, got array"),
        (b"\xff", "JSON is malformed"),
        (b'{"specversion": "1.0", "id": "\xff"}', "is not UTF-8"),
        (b"[" * 100_000, "Expected object, got array"),
        (cloud_event(specversion="0.3"), "specversion: must be '1.0'"),
        (cloud_event(id=""), "id: must be a text"),
        (cloud_event(source=None), "source: must be a text"),
        (cloud_event(type="x" * 101), "type: must have 1 to 100 printable"),
        (cloud_event("x" * 256), "subject: must have 1 to 255"),
        (cloud_event(time="2010-01-13"), "time: must be like 2026-02-28T09:30:00Z"),
        (cloud_event(data=[]), "data: must be an object"),
        (cloud_event(data={"a": {"b": "x\0y"}}), "data.a.b: holds a NUL"),
        (cloud_event(data={"a": -0.0}), "data.a: is -0.0"),
        (cloud_event(data={"a": [2**63]}), "data.a[0]: does not fit into 64 bits"),
        (cloud_event(data={"a": "x" * 300_000}), "data: takes 300,008 bytes, more than"),
        (cloud_event(Upper="x"), "Upper: must be lower-case"),
        (cloud_event(extra="x\0y"), "extra: holds a NUL"),
        (cloud_event(extra="x" * 300_000), "metadata: takes 300,"),
        (b" " * (LONGEST_LINE + 1), "takes 2,097,153 bytes"),
    ],
)
def test_a_bad_line_is_told_by_its_number_and_its_attribute(line: object, said: str) -> None:
    assert complaint(line).startswith(f"line 7: {said}")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"data": {}}, "data: does not fit UserDeactivated, version 1: "),
        ({"data": {"reason": 7}}, "data: does not fit UserDeactivated, version 1: "),
        ({"type": "UserErased"}, "type: 'UserErased', version 1, is no event that the class User"),
        ({"schemaversion": 2}, "type: 'UserDeactivated', version 2, is no event that the class"),
    ],
)
def test_an_event_of_an_aggregate_of_ours_must_be_readable_unless_told(
    more: dict[str, object], said: str
) -> None:
    line = cloud_event("ada", **{**OURS, **more})
    taken = event_of(7, as_bytes([line]), Reading(unreadable_too=True))

    assert complaint(line).startswith(f"line 7: {said}")
    assert taken.foreign.aggregate_type == "User"
    assert event_of(7, as_bytes([cloud_event("ada", **OURS)]), Reading()).aggregate_id == "ada"


def test_the_aggregate_type_is_the_command_lines_or_the_sources() -> None:
    text = as_bytes([cloud_event(source="urn:log:desk")])

    assert event_of(1, text, Reading()).foreign.aggregate_type == "desk"
    assert event_of(1, text, Reading("Ticket")).foreign.aggregate_type == "Ticket"
    assert complaint(text, Reading("x" * 101)).startswith("line 7: aggregate_type: must have")


def test_a_chunk_ends_before_a_transaction_would_take_too_long() -> None:
    small = [as_bytes([cloud_event()])] * (CHUNK + 1)
    large = [as_bytes([cloud_event(data={"a": "x" * 250_000})])] * 20

    assert sizes(small, Faults(passed_over=False)) == [CHUNK, 1]
    assert sum(sizes(large, Faults(passed_over=False))) == 20
    assert max(sizes(large, Faults(passed_over=False))) <= CHUNK_BYTES // 250_000 + 1


def test_what_stands_before_a_bad_line_is_in_the_last_chunk() -> None:
    good = as_bytes([cloud_event()])
    stopped, passed = Faults(passed_over=False), Faults(passed_over=True)

    assert sizes([good, good, b"bad", good], stopped) == [2]
    assert stopped.stop is not None
    assert stopped.stop.number == 3
    assert sizes([good, b"bad", b"worse", good], passed) == [2]
    assert (passed.count, passed.stop) == (2, None)
