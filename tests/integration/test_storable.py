"""What was stored is what is read, and one bad row stops nobody else."""

from collections.abc import Iterator
from contextlib import closing, suppress
from decimal import Decimal
from itertools import count
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.errors import CheckViolation

from domain.orders import OrderPlaced
from domain.users import UserCreated
from store.codec import Metadata, RawEvent
from store.engine import Connection
from store.errors import UndecodableEventError, UnknownEventError, UnstorableError
from store.event_store import EventStore
from store.storable import FLOAT_LIMIT, INT_MAX, INT_MIN, MAX_BYTES, check_value
from tests.conftest import TestDatabase
from tests.integration.order_load import INTO

IMPORTED = f"{INTO} values (gen_random_uuid(), %s, %s, %s, %s, %s, %s, %s, %s)"
streams = count(1)


def without_sign(number: float) -> float:
    """Turn -0.0, which is refused, into 0.0."""
    return number or 0.0


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
numbers = (
    st.integers(INT_MIN, INT_MAX)
    | st.floats(-FLOAT_LIMIT, FLOAT_LIMIT, exclude_min=True, exclude_max=True).map(without_sign)
    | st.floats(-1, 1).map(without_sign)
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)


def as_given(value: object) -> object:
    """Spell out types too, and forget the order of keys: Python thinks that 1 == 1.0 == True."""
    if isinstance(value, dict):
        return {key: as_given(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_given(item) for item in value]
    return type(value), repr(value)


def noted(value: object) -> RawEvent:
    return RawEvent(event_type="Noted", data={"value": value})


def read_back(store: EventStore, *values: object) -> list[object]:
    """Store one event for each value, the first one alone, and return what the store hands out."""
    stream = f"s-{next(streams)}"
    first, *others = [noted(value) for value in values]
    store.append_events(stream, 0, [first], aggregate_type="Note")
    store.append_events(stream, 1, others, aggregate_type="Note")
    return [event.payload["value"] for event in store.load_events(stream)]


@pytest.fixture
def owner(fresh: TestDatabase) -> Iterator[Connection]:
    with closing(psycopg.connect(fresh.admin_url, autocommit=True)) as connection:
        yield connection


# The store keeps one database for all examples: each writes a stream of its own.
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(given_values=st.lists(values, min_size=1, max_size=20))
def test_every_value_that_is_accepted_is_read_back_equal_and_of_equal_types(
    store: EventStore, given_values: list[object]
) -> None:
    for value in given_values:
        check_value(value, "Noted")
    found = read_back(store, *given_values)

    assert as_given(found) == as_given(given_values)


def test_values_at_the_edge_are_read_back_as_they_were_given(store: EventStore) -> None:
    edges: list[object] = [
        INT_MIN, INT_MAX, 2**53 + 1, 0.1, 1.0, 1e15, 9999999999999998.0, 1e-7, 5e-324, -1.5e-300,
        1.7976931348623157e-308, 100.0, True, 1, "", "\\u0000", "\uffff\U0010ffff", "\x01\x1f\x7f",
        "e\u0301", "\u00e9", {"": {"a.b": [[]]}, "a": {}}, "0.10", {"b": 1, "aa": 2, "B": 3},
    ]  # fmt: skip
    together = read_back(store, *edges)
    alone = [value for edge in edges for value in read_back(store, edge)]

    assert as_given(together) == as_given(alone) == as_given(edges)


def test_a_value_as_deep_and_as_large_as_allowed_is_read_back(store: EventStore) -> None:
    deep: object = "inmost"
    for _ in range(63):
        deep = [deep]
    large = "\u00e9" * (MAX_BYTES // 2 - 10)
    found = read_back(store, deep, large)

    assert found == [deep, large]


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("\x00", "Noted.value holds a NUL"),
        (["\ud800"], r"Noted.value\[0\] holds a NUL or half a surrogate"),
        ({"a": 2**63}, "Noted.value.a does not fit into 64 bits"),
        (float("nan"), "Noted.value is not a finite number"),
        (1e16, "Noted.value is not a finite number below"),
        (-0.0, "Noted.value is -0.0"),
        ("x" * MAX_BYTES, "Noted takes 262,156 bytes"),
    ],
    ids=lambda given: ascii(given)[:20],
)
def test_what_would_not_be_read_back_is_refused_by_its_place_and_nothing_is_stored(
    store: EventStore, value: object, place: str
) -> None:
    with pytest.raises(UnstorableError, match=f"^{place}"):
        store.append_events("s", 0, [noted("fine"), noted(value)], aggregate_type="Note")

    assert store.get_all_events() == []


@pytest.mark.parametrize(
    "aggregate_id", ["", "x" * 256, "two\nlines", "a\x00", "\ud800"], ids=ascii
)
def test_an_id_that_cannot_be_shown_or_kept_is_refused(
    store: EventStore, aggregate_id: str
) -> None:
    with pytest.raises(UnstorableError, match=r"^aggregate_id must"):
        store.append_events(aggregate_id, 0, [noted(1)], aggregate_type="Note")


def test_ids_are_kept_as_they_are_written(store: EventStore) -> None:
    ids = ["\u00e9", "e\u0301", "E", "e", " e", "x" * 255, "\U0001f680"]
    for aggregate_id in ids:
        store.append_events(aggregate_id, 0, [noted(aggregate_id)], aggregate_type="Note")

    assert [event.aggregate_id for event in store.get_all_events()] == ids
    assert [store.load_events(one)[0].payload["value"] for one in ids] == ids


@pytest.mark.parametrize(
    "actor", ["\x00", "\ud800", "x" * (MAX_BYTES + 1)], ids=["nul", "surrogate", "large"]
)
def test_metadata_that_would_not_be_read_back_is_refused_by_its_place(
    store: EventStore, actor: str
) -> None:
    with pytest.raises(UnstorableError, match="metadata"):
        store.append_events(
            "s", 0, [noted(1)], aggregate_type="Note", metadata=Metadata(actor=actor)
        )

    assert store.get_all_events() == []


@pytest.mark.parametrize("total", ["0.10", "1E+5", "129.90", "-0", "12345678901234567890.123"])
def test_money_is_read_back_to_the_last_cent(store: EventStore, total: str) -> None:
    placed = OrderPlaced(order_id="42", items=("lamp",), total=Decimal(total))
    store.append_events("42", 0, [placed])
    (found,) = store.load_events("42")

    assert found.event == placed
    assert repr(found.event) == repr(placed)


BAD_ROWS: dict[str, tuple[Any, ...]] = {
    "does_not_fit": ("User", "UserCreated", 2, '{"user_id": 42}'),
    "is_no_object": ("User", "UserCreated", 2, '"text"'),
    "cannot_be_upcast": ("User", "UserCreated", 1, '{"user_id": "42"}'),
    "too_large_a_number": ("User", "UserReactivated", 1, "[1e400]"),
    "endlessly_nested": ("Order", "OrderShipped", 1, '{"packages": %s}' % ("[" * 900 + "]" * 900)),
    "of_no_version": ("User", "UserCreated", -1, "{}"),
}
UNKNOWN_ROWS: dict[str, tuple[Any, ...]] = {
    "unknown_event": ("User", "UserPromoted", 1, "{}"),
    "unknown_aggregate": ("Invoice", "UserCreated", 2, "{}"),
    "newer_version": ("User", "UserCreated", 3, "{}"),
}


@pytest.mark.parametrize("name", [*BAD_ROWS, *UNKNOWN_ROWS])
def test_one_event_that_cannot_be_read_stops_no_other(
    store: EventStore, owner: Connection, name: str
) -> None:
    created = UserCreated(user_id="42", username="ada", email="ada@example.org")
    store.append_events("42", 0, [created])
    aggregate_type, event_type, version, data = {**BAD_ROWS, **UNKNOWN_ROWS}[name]
    row = ("bad", aggregate_type, event_type, version, 1, data, "{}", "2026-01-01Z")
    owner.execute(IMPORTED.encode(), row)
    store.append_events("43", 0, [created])
    first, bad, last = store.get_all_events()
    error = UndecodableEventError if name in BAD_ROWS else UnknownEventError

    assert first.event == last.event == created
    with pytest.raises(error, match="at position 2"):
        _ = bad.event


def test_a_time_that_python_does_not_know_stops_no_other(
    store: EventStore, owner: Connection
) -> None:
    for number, time in enumerate(["infinity", "-infinity", "10000-01-01Z", "0044-03-15 BC"], 1):
        row = ("bad", "Note", "Noted", 1, number, "{}", "{}", time)
        with suppress(CheckViolation):  # to keep such a row out is as good
            owner.execute(IMPORTED.encode(), row)
    store.append_events("good", 0, [noted(1)], aggregate_type="Note")
    *_, good = store.get_all_events()

    assert good.payload == {"value": 1}


def test_metadata_that_cannot_be_read_stops_no_other(store: EventStore, owner: Connection) -> None:
    for number, metadata in enumerate(["[]", '{"actor": 42}', '{"strange": null}'], 1):
        row = ("bad", "Note", "Noted", 1, number, '{"value": 1}', metadata, "2026-01-01Z")
        owner.execute(IMPORTED.encode(), row)

    assert [event.payload for event in store.get_all_events()] == [{"value": 1}] * 3
    assert store.load_events("bad")[2].metadata == Metadata()


def test_what_no_class_claims_is_read_as_plain_data(store: EventStore) -> None:
    event = RawEvent(event_type="TicketClosed", data={"by": "eve", "after": 3.5}, version=7)
    store.append_events("t-1", 0, [event], aggregate_type="Ticket")
    (found,) = store.get_all_events()

    assert (found.event_type, found.version, found.payload) == ("TicketClosed", 7, event.data)
    with pytest.raises(UnknownEventError, match="no class here knows Ticket event 'TicketClosed'"):
        _ = found.event
