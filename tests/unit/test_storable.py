"""What is refused before it is stored, and how the refusal names the place."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.event import Event
from domain.orders import OrderPlaced
from store.codec import Metadata, RawEvent, encode_event, encode_metadata
from store.errors import UnstorableError
from store.storable import (
    FLOAT_LIMIT,
    INT_MAX,
    INT_MIN,
    MAX_BYTES,
    MAX_DEPTH,
    MAX_NAME,
    check_aggregate_id,
    check_name,
    check_value,
)

UNSTORABLE = [
    ("\x00", "NUL"),
    ("half \ud83d", "half a surrogate pair"),
    ("\udc00", "half a surrogate pair"),
    (INT_MAX + 1, "64 bits"),
    (INT_MIN - 1, "64 bits"),
    (10**4301, "64 bits"),
    (float("nan"), "finite"),
    (float("inf"), "finite"),
    (float("-inf"), "finite"),
    (FLOAT_LIMIT, "below 1e+16"),
    (-1e300, "below 1e+16"),
    (-0.0, "come back as 0.0"),
    (b"bytes", "is a bytes"),
    ({1}, "is a set"),
    (Decimal(1), "is a Decimal"),
    (1j, "is a complex"),
    ({"key \x00": 1}, "has a key that holds a NUL"),
    ({"\ud800": 1}, "has a key that holds"),
    ({1: "one"}, "no string"),
    ({None: "none"}, "no string"),
]
NUMBERS = [0, INT_MAX, INT_MIN, 0.1, 1.0, -1e-7, 5e-324, 9999999999999998.0]
TEXTS = ["", " ", "\uffff", "\U0001f680", "e\u0301", "\\u0000", "\u2028", "\x01"]
STORABLE: list[object] = [None, True, False, [], {}, {"": [[]]}, *NUMBERS, *TEXTS]


class Weighed(Event):
    grams: int
    notes: dict[str, Any]


class Labels(Event):
    front: str
    back: str


def nested(levels: int) -> object:
    value: object = "inmost"
    for _ in range(levels):
        value = [value]
    return value


def briefly(value: object) -> str:
    return "huge" if value == 10**4301 else ascii(value)


@pytest.mark.parametrize(("value", "rule"), UNSTORABLE, ids=briefly)
def test_a_value_that_jsonb_would_refuse_or_change_is_refused_by_its_place(
    value: object, rule: str
) -> None:
    with pytest.raises(UnstorableError) as refusal:
        check_value({"a": [0, {"b": value}]}, "Noted")

    assert "Noted.a[1].b" in refusal.value.where
    assert rule in str(refusal.value)


@pytest.mark.parametrize("value", STORABLE, ids=briefly)
def test_every_other_json_value_is_let_through(value: object) -> None:
    check_value({"a": [value]}, "Noted")


def test_nesting_is_bounded() -> None:
    check_value(nested(MAX_DEPTH), "Noted")

    with pytest.raises(UnstorableError, match=r"^Noted(\[0\])+ is nested deeper than 64 levels"):
        check_value(nested(MAX_DEPTH + 1), "Noted")


def test_a_value_that_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(UnstorableError, match="nested deeper"):
        check_value(endless, "Noted")


def test_size_is_bounded_by_the_bytes_that_are_stored() -> None:
    frame = len('{"t":""}')
    largest = {"t": "\u00e9" * ((MAX_BYTES - frame) // 2)}
    encoded = encode_event(RawEvent(event_type="Noted", data=largest))[2]

    assert len(encoded) == MAX_BYTES
    with pytest.raises(UnstorableError, match="Noted takes 262,146 bytes, more than 262,144"):
        encode_event(RawEvent(event_type="Noted", data={"t": largest["t"] + "\u00e9"}))


@pytest.mark.parametrize("aggregate_id", ["x", "a b", "\u00fc" * 255, "user/42", "\U0001f680"])
def test_an_aggregate_id_is_any_short_printable_text(aggregate_id: str) -> None:
    check_aggregate_id(aggregate_id)


@pytest.mark.parametrize(
    "aggregate_id", ["", "x" * 256, "a\nb", "a\x00", "\x7f", "\x85", "\ud800", "tab\t"], ids=ascii
)
def test_an_aggregate_id_that_cannot_be_shown_is_refused(aggregate_id: str) -> None:
    with pytest.raises(UnstorableError, match=r"^aggregate_id must"):
        check_aggregate_id(aggregate_id)


@pytest.mark.parametrize("name", ["", "x" * 101, "New\nLine"])
def test_a_name_is_short_and_printable_too(name: str) -> None:
    with pytest.raises(UnstorableError, match=r"^event_type must"):
        check_name(name, "event_type")
    with pytest.raises(UnstorableError, match=r"^event_type must"):
        encode_event(RawEvent(event_type=name, data={}))


def test_a_field_of_an_event_is_refused_by_its_name() -> None:
    with pytest.raises(UnstorableError, match=r"^Weighed\.grams does not fit into 64 bits"):
        encode_event(Weighed(grams=2**64, notes={}))
    with pytest.raises(UnstorableError, match=r"^Weighed\.notes\.by holds a NUL"):
        encode_event(Weighed(grams=1, notes={"by": "\x00"}))


def test_a_field_that_breaks_its_own_declaration_is_refused() -> None:
    with pytest.raises(UnstorableError, match=r"^Weighed\.grams does not fit its decl"):
        encode_event(Weighed(grams="heavy", notes={}))  # type: ignore[arg-type]


@pytest.mark.parametrize("total", ["NaN", "sNaN"])
def test_a_decimal_that_equals_nothing_is_refused(total: str) -> None:
    with pytest.raises(UnstorableError, match=r"^OrderPlaced\.\w+ would not be read back"):
        encode_event(OrderPlaced(order_id="42", items=("lamp",), total=Decimal(total)))


def test_a_list_where_a_tuple_was_declared_is_refused() -> None:
    order = OrderPlaced(order_id="42", items=["lamp"], total=Decimal(1))  # type: ignore[arg-type]

    with pytest.raises(UnstorableError, match=r"^OrderPlaced\.\w+ would not be read back"):
        encode_event(order)


def test_a_field_nested_out_of_all_proportion_is_refused_like_any_other() -> None:
    with pytest.raises(UnstorableError, match=r"^Weighed\.notes cannot be written as JSON"):
        encode_event(Weighed(grams=1, notes={"deep": nested(100_000)}))


def test_a_field_too_large_by_itself_is_refused_by_its_name() -> None:
    with pytest.raises(UnstorableError, match=r"^Weighed\.notes takes 262,[0-9]{3} bytes"):
        encode_event(Weighed(grams=1, notes={"long": "x" * MAX_BYTES}))


def test_fields_too_large_only_together_are_refused_by_the_name_of_the_whole() -> None:
    half = "x" * (MAX_BYTES // 2)

    with pytest.raises(UnstorableError, match=r"^Labels takes 262,[0-9]{3} bytes"):
        encode_event(Labels(front=half, back=half))


def test_a_key_as_long_as_a_book_is_cut_in_the_place_that_is_named() -> None:
    with pytest.raises(UnstorableError) as refusal:
        check_value({"x" * 10**6: float("nan")}, "Noted")

    assert refusal.value.where == f"Noted.{'x' * MAX_NAME}"


@pytest.mark.parametrize("value", [None, 42, b"id", ["id"]], ids=repr)
def test_what_is_no_text_is_refused_as_an_id_or_a_name(value: Any) -> None:
    with pytest.raises(UnstorableError, match=r"^aggregate_id must be str, got"):
        check_aggregate_id(value)
    with pytest.raises(UnstorableError, match=r"^event_type must be str, got"):
        encode_event(RawEvent(event_type=value, data={}))


@pytest.mark.parametrize("version", [None, "1", 1.5], ids=repr)
def test_what_is_no_whole_number_is_refused_as_a_version(version: Any) -> None:
    with pytest.raises(UnstorableError, match=r"^version must be int, got"):
        encode_event(RawEvent(event_type="Noted", data={}, version=version))


@pytest.mark.parametrize("data", [None, "text", 1, []], ids=repr)
def test_plain_data_is_an_object(data: Any) -> None:
    with pytest.raises(UnstorableError, match=r"^Noted must be dict, got"):
        encode_event(RawEvent(event_type="Noted", data=data))


def test_what_is_no_event_is_refused() -> None:
    with pytest.raises(UnstorableError, match=r"^an event must be Event, got dict"):
        encode_event({"event_type": "Noted"})  # type: ignore[arg-type]


def test_metadata_of_a_wrong_type_is_refused_by_its_place() -> None:
    with pytest.raises(UnstorableError, match=r"^metadata\.actor must be str, got int"):
        encode_metadata(Metadata(actor=7))  # type: ignore[arg-type]
    with pytest.raises(UnstorableError, match=r"^metadata must be Metadata, got dict"):
        encode_metadata({"actor": "kim"})  # type: ignore[arg-type]


class Text(str):
    __slots__ = ()


class Number(int):
    pass


@pytest.mark.parametrize("value", [("a", "tuple"), Text("a"), Number(1)], ids=repr)
def test_plain_data_that_would_come_back_as_another_type_is_refused(value: object) -> None:
    with pytest.raises(UnstorableError, match="Noted"):
        encode_event(RawEvent(event_type="Noted", data={"a": value}))


@pytest.mark.parametrize("version", [2**31, -(2**31) - 1])
def test_a_schema_version_that_the_column_cannot_hold_is_refused(version: int) -> None:
    with pytest.raises(UnstorableError, match="version"):
        encode_event(RawEvent(event_type="Noted", data={}, version=version))


def texts(value: object) -> Iterator[str]:
    """Every text in a value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from (*texts(key), *texts(item))
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec=None), max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(anything)
def test_a_value_is_refused_or_written_as_text_that_says_the_same(value: object) -> None:
    try:
        check_value(value, "it")
    except UnstorableError as refusal:
        assert refusal.where.startswith("it")  # noqa: PT017 - both are right
    else:
        written = msgspec.json.encode(value)

        assert repr(json.loads(written)) == repr(value)
        assert "\x00" not in "".join(texts(value))
