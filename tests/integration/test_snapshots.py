"""Snapshots: a quicker way to the same aggregate, and never to another one."""

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from domain.aggregate import Aggregate
from domain.orders import Order, OrderPlaced, OrderShipped, PaymentProcessed
from store import snapshots
from store.engine import Database, Role
from store.event_store import EventStore
from store.repository import Repository, load_many
from store.snapshots import fingerprint
from tests.conftest import TestDatabase
from tests.integration.lent import lent
from tests.integration.shelves import labelled, rang
from tests.integration.statements import Counted
from tests.toys import Toy
from workers.embedded import Servers

TAKEN = "select version from fleetlog.snapshots where aggregate_id = %s"


@pytest.fixture(scope="module")
def fresh(running: Servers) -> Iterator[TestDatabase]:
    """One database for all of these tests: each has a toy of its own."""
    with lent(running) as database:
        yield database


@pytest.fixture
def repository(database: Database) -> Repository:
    return Repository(database)


def take(database: Database, aggregate: Aggregate[Any, Any]) -> None:
    with database.connect(Role.PROJECTOR) as connection:
        snapshots.save(connection, aggregate)


def spoil(fresh: TestDatabase, toy: str, change: str) -> None:
    """Change a snapshot behind the store's back."""
    spoiling = f"update fleetlog.snapshots set {change} where aggregate_id = %s"
    with psycopg.connect(fresh.admin_url, autocommit=True) as connection:
        assert connection.execute(spoiling.encode(), (toy,)).rowcount == 1


def taken(fresh: TestDatabase, toy: str) -> int | None:
    with psycopg.connect(fresh.admin_url, autocommit=True) as connection:
        row = connection.execute(TAKEN.encode(), (toy,)).fetchone()
    return int(row[0]) if row else None


def state(aggregate: Aggregate[Any, Any]) -> dict[str, object]:
    names = aggregate.state_types()
    return {"version": aggregate.version} | {name: getattr(aggregate, name) for name in names}


def test_a_snapshot_and_its_tail_come_with_one_query(
    database: Database, fresh: TestDatabase, store: EventStore, repository: Repository, toy: str
) -> None:
    store.append_events(toy, 0, rang(*range(100)))
    take(database, repository.load(Toy, toy))
    store.append_events(toy, 100, rang(*range(10)))
    spoil(fresh, toy, """state = state || '{"rung": 1000}'""")  # to tell it from a full fold
    with database.connect(Role.READER) as connection:
        counted = Counted(connection)
        found = load_many(counted.as_connection(), [(Toy, toy)])[toy]

    assert len(counted.statements) == 1
    assert state(found)["rung"] == 1000 + 10
    assert found.version == 110


def test_snapshot_and_tail_equal_a_full_fold_wherever_the_snapshot_was_taken(
    database: Database, store: EventStore, repository: Repository, toy: str
) -> None:
    dice = random.Random(7)  # noqa: S311 - a load, no secret
    for number in range(30):
        event = labelled(f"l{number}") if dice.random() < 0.3 else rang(number)[0]
        store.append_events(toy, number, [event])
    whole = state(repository.load_at(Toy, toy))
    loads = []
    for version in range(31):
        take(database, repository.load_at(Toy, toy, version=version))
        loads.append(state(repository.load(Toy, toy)))

    assert loads == 31 * [whole]


def test_every_type_of_state_comes_back_as_it_was(
    database: Database, store: EventStore, repository: Repository, toy: str
) -> None:
    placed = OrderPlaced(order_id=toy, items=("a", "b"), total=Decimal("19.90"))
    store.append_events(toy, 0, [placed, PaymentProcessed(amount=Decimal("19.90"))])
    take(database, repository.load(Order, toy))
    store.append_events(toy, 2, [OrderShipped(packages=("p",))])
    found = repository.load(Order, toy)

    assert state(found) == state(repository.load_at(Order, toy))
    assert found.total == Decimal("19.90")
    assert isinstance(found.total, Decimal)


@pytest.mark.parametrize(
    "change",
    [
        """fingerprint = 'another', state = '{"rung": -1, "notes": [], "label": "wrong"}'""",
        """state = state || '{"rung": "many"}'""",
        """state = state - 'label'""",
        """state = '[]'""",
        """state = 'null'""",
        """state = '"rung"'""",
    ],
    ids=["other_code", "wrong_type", "missing_field", "list", "null", "text"],
)
def test_a_snapshot_that_does_not_fit_todays_code_is_only_a_slower_load(
    database: Database,
    fresh: TestDatabase,
    store: EventStore,
    repository: Repository,
    toy: str,
    change: str,
) -> None:
    for name in (toy, f"{toy}-2"):
        store.append_events(name, 0, rang(1, 2))
        take(database, repository.load(Toy, name))
        store.append_events(name, 2, rang(3))
    spoil(fresh, toy, change)
    with database.connect(Role.READER) as connection:
        found = load_many(connection, [(Toy, toy), (Toy, f"{toy}-2")])

    assert [state(one) for one in found.values()] == 2 * [
        {"version": 3, "rung": 3, "notes": (1, 2, 3), "label": ""}
    ]


def test_a_newer_snapshot_is_kept_and_one_of_another_making_is_replaced(
    database: Database, fresh: TestDatabase, store: EventStore, repository: Repository, toy: str
) -> None:
    store.append_events(toy, 0, rang(1, 2, 3))
    versions = []
    for version in (2, 3, 1):
        take(database, repository.load_at(Toy, toy, version=version))
        versions.append(taken(fresh, toy))
    spoil(fresh, toy, "fingerprint = 'another'")
    take(database, repository.load_at(Toy, toy, version=1))

    assert versions == [2, 3, 3]
    assert taken(fresh, toy) == 1


def test_the_fingerprint_is_that_of_the_state_and_of_all_that_folds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    today = fingerprint(Toy)
    monkeypatch.setitem(Toy.__annotations__, "colour", str)
    other_state = fingerprint.__wrapped__(Toy)
    monkeypatch.undo()
    monkeypatch.setattr("inspect.getsource", lambda _: "other code")
    other_source = fingerprint.__wrapped__(Toy)
    monkeypatch.undo()

    assert len({today, other_state, other_source, fingerprint(Order)}) == 4
    assert fingerprint.__wrapped__(Toy) == today
