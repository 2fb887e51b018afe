"""Importing: each event once, in the file's order, and nothing of others in between."""

import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from types import SimpleNamespace
from uuid import UUID

import pytest

from store.cloud_events import as_cloud_event
from store.codec import RawEvent
from store.engine import Connection, Database
from store.event_store import EventStore, Expected
from store.importing import Importer, Judge, Taken
from tests.conftest import TestDatabase
from tests.history_lines import Envelope, arrivals, cloud_event, history
from tests.integration.proxy import Proxy, Trap, proxy
from workers.settings import sqlalchemy_url

OTHERWISE: list[Envelope] = [
    {"data": {"number": True}},
    {"data": {"number": 1.0}},
    {"data": {"number": 1, "more": None}},
    {"subject": "another"},
    {"source": "urn:other:desk"},
    {"source": "urn:log:office"},
    {"type": "Other"},
    {"time": "2011-01-01T00:00:00Z"},
    {"actor": "Value 3"},
    {"extra": 1},
]
BROKEN = [
    (Trap.LOSE_REQUEST,),
    (Trap.LOSE_REPLY,),
    (Trap.HANG_UP,),
    (Trap.LOSE_REPLY, Trap.HANG_UP, Trap.LOSE_REQUEST),
]
THEIRS = "subject: 'case 0' has {} events already, {}; --append puts these behind them"


@pytest.fixture
def wire(fresh: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    clock = SimpleNamespace(sleep=lambda _: None, monotonic=time.monotonic)
    monkeypatch.setattr("store.retry.time", clock)
    with proxy(fresh.url) as made:
        yield made


def take(importer: Importer, log: list[Envelope], size: int = 10) -> list[Taken]:
    """Take a whole log in, a few at a time."""
    numbered = arrivals(log)
    return [importer.take(numbered[at : at + size]) for at in range(0, len(numbered), size)]


def counts(taken: list[Taken]) -> tuple[int, int, int]:
    return (
        sum(one.new for one in taken),
        sum(one.repeats for one in taken),
        sum(len(one.refusals) for one in taken),
    )


def refusals(taken: list[Taken]) -> list[tuple[int, str]]:
    return [(one.number, str(one.error)) for chunk in taken for one in chunk.refusals]


def stored(store: EventStore) -> list[Envelope]:
    return [as_cloud_event(event) for event in store.get_all_events(0, 10_000)]


def streams(store: EventStore) -> dict[str, list[int]]:
    found = defaultdict(list)
    for event in store.get_all_events(0, 10_000):
        found[event.aggregate_id].append(event.sequence_number)
    return found


def are_whole(numbers: dict[str, list[int]]) -> bool:
    return all(found == list(range(1, len(found) + 1)) for found in numbers.values())


def own_events(store: EventStore, stream: str, count: int) -> None:
    events = [RawEvent(event_type="Opened", data={}) for _ in range(count)]
    store.append_events(stream, Expected.ANY, events, aggregate_type="desk")


def test_a_log_comes_in_in_its_order_and_is_read_back_equal(
    database: Database, store: EventStore
) -> None:
    log = history(57, 7)
    taken = take(Importer(database), log)

    assert counts(taken) == (57, 0, 0)
    assert stored(store) == log
    assert are_whole(streams(store))


def test_the_same_log_again_adds_nothing(database: Database, store: EventStore) -> None:
    log = history(35, 4)
    take(Importer(database), log)

    assert counts(take(Importer(database), log, size=8)) == (0, 35, 0)
    assert stored(store) == log


def test_a_longer_log_goes_on_where_a_shorter_one_ended(
    database: Database, store: EventStore
) -> None:
    log = history(40, 4)
    take(Importer(database), log[:23])

    assert counts(take(Importer(database), log)) == (17, 23, 0)
    assert stored(store) == log


def test_an_event_that_stands_there_twice_is_one_event(
    database: Database, store: EventStore
) -> None:
    one, two, three = history(3, 1)
    log = [one, one, two, one, three]

    assert counts(take(Importer(database), log, size=2)) == (3, 2, 0)
    assert counts(take(Importer(database), log)) == (0, 5, 0)
    assert stored(store) == [one, two, three]


def test_an_id_with_other_content_is_refused_by_its_line(
    database: Database, store: EventStore
) -> None:
    for change in OTHERWISE:
        one = cloud_event(data={"number": 1})
        other = {**one, **change}
        in_one_go = take(Importer(database, append=True), [one, other])
        later = take(Importer(database, append=True), [cloud_event("else"), other])
        position = store.safe_position() - 1
        said = f"id: the event {one['id']} stands %s already, with other content"

        assert refusals(in_one_go) == [(2, said % "in line 1")], change
        assert refusals(later) == [(2, said % f"at position {position}")], change
        assert stored(store)[-2] == one
    assert len(stored(store)) == 2 * len(OTHERWISE)


def test_a_time_said_otherwise_is_the_same_time(database: Database) -> None:
    one = cloud_event(time="2010-01-13T08:40:25Z")
    take(Importer(database), [one])

    assert counts(take(Importer(database), [{**one, "time": "2010-01-13T09:40:25.000+01:00"}])) == (
        *(0, 1, 0),
    )


def test_an_aggregate_with_events_of_others_is_refused_unless_told(
    database: Database, store: EventStore
) -> None:
    own_events(store, "case 0", 2)
    log = history(6, 2)
    taken = take(Importer(database, stop=False), log)
    appended = take(Importer(database, append=True), log)

    theirs = THEIRS.format(2, "none of this file")

    assert refusals(taken) == [(1, theirs), (3, theirs), (5, theirs)]
    assert counts(taken) == (3, 0, 3)
    assert counts(appended) == (3, 3, 0)
    assert streams(store) == {"case 0": [1, 2, 3, 4, 5], "case 1": [1, 2, 3]}


def test_an_event_of_others_that_comes_in_between_is_noticed(
    database: Database, store: EventStore
) -> None:
    log = history(6, 1)
    importer = Importer(database)
    importer.take(arrivals(log[:4]))
    own_events(store, "case 0", 1)
    taken = importer.take(arrivals(log[4:], first=5))

    assert refusals([taken]) == [(5, THEIRS.format(5, "the last of this file's is number 4"))]
    assert (taken.new, taken.repeats) == (0, 0)


def test_an_aggregate_of_another_type_is_refused_whatever_is_told(
    database: Database, store: EventStore
) -> None:
    take(Importer(database), [cloud_event("a")])
    other = "urn:log:office"
    log = [cloud_event("a", source=other), cloud_event("b"), cloud_event("b", source=other)]
    taken = take(Importer(database, append=True, stop=False), log)

    assert refusals(taken) == [
        (1, "stream 'a' belongs to a desk, not to a office"),
        (3, "stream 'b' belongs to a desk, not to a office"),
    ]
    assert streams(store) == {"a": [1], "b": [1]}


def test_what_stands_before_a_refusal_is_kept_and_nothing_behind_it(
    database: Database, store: EventStore
) -> None:
    one, two, three, four = history(4, 4)
    take(Importer(database), [three])
    changed = {**three, "type": "Other"}
    taken = Importer(database).take(arrivals([one, two, changed, four]))

    assert (taken.new, [number for number, _ in taken.refusals]) == (2, [3])
    assert stored(store) == [three, one, two]


def test_two_imports_of_one_log_at_once_bring_every_event_once(
    fresh: TestDatabase, store: EventStore
) -> None:
    log = history(400, 9)
    start = Barrier(3)

    def run(size: int) -> list[Taken]:
        database = Database(sqlalchemy_url(fresh.url))
        try:
            start.wait()
            return take(Importer(database), log, size)
        finally:
            database.dispose()

    with ThreadPoolExecutor(3) as pool:
        found = [counts(one.result()) for one in [pool.submit(run, n) for n in (7, 10, 31)]]

    assert sum(new for new, _, _ in found) == 400
    assert [new + repeats for new, repeats, _ in found] == [400] * 3
    assert stored(store) == log
    assert are_whole(streams(store))


def test_two_imports_of_other_logs_into_the_same_streams_do_not_mix(
    fresh: TestDatabase, store: EventStore
) -> None:
    logs = [history(60, 3), history(60, 3)]
    start = Barrier(2)

    def run(log: list[Envelope]) -> list[Taken]:
        database = Database(sqlalchemy_url(fresh.url))
        try:
            start.wait()
            return take(Importer(database, stop=False), log, size=4)
        finally:
            database.dispose()

    with ThreadPoolExecutor(2) as pool:
        found = [counts(one) for one in pool.map(run, logs)]
    logs_of = defaultdict(set)
    numbers = {e["id"]: number for number, log in enumerate(logs) for e in log}
    for event in stored(store):
        logs_of[event["subject"]].add(numbers[event["id"]])

    assert [len(found_in) for found_in in logs_of.values()] == [1, 1, 1]
    assert sum(new for new, _, _ in found) == 60
    assert [new + refused for new, _, refused in found] == [60, 60]


def test_a_connection_that_breaks_brings_every_event_once(
    wire: Proxy, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(sqlalchemy_url(wire.url))
    importer, logs = Importer(database), []
    for traps in BROKEN:
        logs += history(10, 3, prefix=str(traps))
        importer.take(arrivals(logs[-10:-8]))
        with springing(importer, wire, traps, monkeypatch):
            taken = importer.take(arrivals(logs[-8:], first=3))

        assert (taken.new, taken.repeats) == (8, 0), traps
        assert stored(store) == logs, traps
        assert wire.traps == []
    database.dispose()


@contextmanager
def springing(
    importer: Importer, wire: Proxy, traps: tuple[Trap, ...], patch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Set the traps when the importer has looked, so that the first of them catches its write."""
    write, to_set = importer._written, [traps]  # noqa: SLF001 - this is where it hurts

    def trapped(connection: Connection, judge: Judge, maybe_stored: set[UUID]) -> bool:
        if to_set:
            wire.set(*to_set.pop())
        return write(connection, judge, maybe_stored)

    with patch.context() as patched:
        patched.setattr(importer, "_written", trapped)
        yield
    assert to_set == []
