"""The read models that are shipped: row for row what a fold of all events comes to."""

import random
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.event import Event
from domain.orders import OrderPlaced, OrderShipped, PaymentProcessed
from domain.users import (
    UserCreated,
    UserDeactivated,
    UserEmailChanged,
    UserPasswordChanged,
    UserReactivated,
)
from store import checkpoints
from store.codec import RawEvent
from store.engine import Database, Role
from store.event_store import EventStore, Expected
from store.projection import RowProjection, columns_of
from store.projector import Projector
from store.read_model_tables import prepare, restart
from store.read_models.order_board import OrderBoard, OrderEntry, OrderRow
from store.read_models.user_directory import UserDirectory, UserEntry, UserRow
from store.recorded import RecordedEvent

R = TypeVar("R")

OLD = RawEvent(event_type="UserCreated", data={"user_id": "old", "email": "kim@example.org"})
ACTIVE, INACTIVE = True, False
HASH = "$argon2id$v=19$m=65536$abc"


@pytest.fixture
def prepared(database: Database) -> Database:
    prepare(database, [UserDirectory(), OrderBoard()])
    return database


def catch_up(database: Database, projection: RowProjection[R], batch_size: int = 1000) -> None:
    projector = Projector(database, projection, batch_size=batch_size)
    advanced = projector.advance(checkpoints.take_over(database, projection.name, "a test"))
    while not advanced.caught_up:
        advanced = projector.advance(advanced.checkpoint)


def rows(database: Database, projection: RowProjection[R]) -> dict[str, R]:
    with database.engine(Role.READER).connect() as connection:
        found = [projection.row(*row) for row in connection.execute(sa.select(projection.table))]
    return {str(next(iter(values(row)))): row for row in found}


def values(row: object) -> list[object]:
    return [getattr(row, name) for name in columns_of(type(row))]


def from_scratch(events: list[RecordedEvent], projection: RowProjection[R]) -> dict[str, R]:
    found: dict[str, R] = {}
    for event in events:
        if projection.reads(event.aggregate_type):
            row = projection.evolve_row(found.get(event.aggregate_id), event)
            assert row is not None
            found[event.aggregate_id] = row
    return found


def a_users_fact(dice: random.Random, number: int) -> Event:
    facts: list[Event] = [
        UserEmailChanged(new_email=f"new.{number}@example.org"),
        UserPasswordChanged(password_hash=HASH),
        UserDeactivated(reason='a "quoted" \\ reason, and an ü'),
        UserReactivated(),
    ]
    return dice.choice(facts)


def an_orders_fact(dice: random.Random, number: int) -> Event:
    facts: list[Event] = [
        PaymentProcessed(amount=Decimal(number).scaleb(-2)),
        OrderShipped(packages=("p",) * dice.randint(1, 3)),
    ]
    return dice.choice(facts)


def fill(store: EventStore, seed: int, count: int) -> None:
    """Append a jumble of users' and orders' lives, all of them at once."""
    dice = random.Random(seed)  # noqa: S311 - a load, no secret
    born: set[str] = set()
    for number in range(count):
        kind = dice.choice(["user", "order"])
        id = f"{kind} {dice.randrange(8)} ü"
        if id in born:
            fact = (a_users_fact if kind == "user" else an_orders_fact)(dice, number)
        elif kind == "user":
            fact = UserCreated(user_id=id, username=f"ü{number}", email=f"{number}@example.org")
        else:
            fact = OrderPlaced(order_id=id, items=("a", "b"), total=Decimal("10.50"))
        born.add(id)
        store.append_events(id, Expected.ANY, [fact])


@pytest.mark.parametrize("batch_size", [3, 1000])
@pytest.mark.parametrize("projection", [UserDirectory(), OrderBoard()], ids=lambda p: p.name)
def test_a_read_model_equals_a_fold_of_all_events_from_scratch(
    prepared: Database, store: EventStore, projection: RowProjection[object], batch_size: int
) -> None:
    for seed in range(3):
        fill(store, seed, 40) if seed == 0 else change(store, seed)
        catch_up(prepared, projection, batch_size)
    expected = from_scratch(store.get_all_events(), projection)
    advanced = rows(prepared, projection)
    restart(prepared, projection, "a test")
    catch_up(prepared, projection)

    assert len(expected) > 4
    assert advanced == expected
    assert rows(prepared, projection) == expected


def change(store: EventStore, seed: int) -> None:
    """Go on with the lives that there are."""
    dice = random.Random(seed)  # noqa: S311 - a load, no secret
    ids = sorted({event.aggregate_id for event in store.get_all_events()})
    for number in range(30):
        id = dice.choice(ids)
        fact = (a_users_fact if id.startswith("user") else an_orders_fact)(dice, number)
        store.append_events(id, Expected.EXISTS, [fact])


def test_the_directory_shows_a_user_as_it_is_now(prepared: Database, store: EventStore) -> None:
    created = UserCreated(user_id="u", username="kim", email="kim@example.org")
    changed = [UserEmailChanged(new_email="kim@example.com"), UserDeactivated(reason="asked")]
    store.append_events("u", 0, [created])
    store.append_events("u", 1, changed)
    store.append_events("old", 0, [OLD], aggregate_type="User")
    catch_up(prepared, UserDirectory())
    first, _, last, old = store.get_all_events()

    assert rows(prepared, UserDirectory()) == {
        "u": UserEntry(
            "u",
            "kim",
            "kim@example.com",
            INACTIVE,
            first.timestamp,
            last.timestamp,
        ),
        "old": UserEntry(
            "old",
            "kim",
            "kim@example.org",
            ACTIVE,
            old.timestamp,
            old.timestamp,
        ),
    }


def test_the_board_shows_an_order_as_it_is_now(prepared: Database, store: EventStore) -> None:
    placed = OrderPlaced(order_id="o", items=("a", "b", "c"), total=Decimal("19.90"))
    store.append_events("o", 0, [placed])
    store.append_events("o", 1, [OrderShipped(packages=("p", "q"))])
    catch_up(prepared, OrderBoard())
    shipped = rows(prepared, OrderBoard())["o"]
    store.append_events("o", 2, [PaymentProcessed(amount=Decimal("19.90"))])
    catch_up(prepared, OrderBoard())
    at = [event.timestamp for event in store.load_events("o")]

    assert shipped == OrderEntry("o", Decimal("19.90"), 3, None, 2, at[0], None, at[1])
    assert rows(prepared, OrderBoard())["o"] == OrderEntry(
        "o", Decimal("19.90"), 3, Decimal("19.90"), 2, at[0], at[2], at[1]
    )


def test_applications_read_them_as_mapped_classes(prepared: Database, store: EventStore) -> None:
    fill(store, 1, 30)
    catch_up(prepared, UserDirectory())
    catch_up(prepared, OrderBoard())
    with Session(prepared.engine(Role.READER)) as session:
        active = session.scalars(sa.select(UserRow).where(UserRow.is_active)).all()
        total = session.scalar(sa.select(sa.func.sum(OrderRow.total)))
    users, orders = rows(prepared, UserDirectory()), rows(prepared, OrderBoard())

    assert {row.user_id for row in active} == {id for id, row in users.items() if row.is_active}
    assert all(row.created_at.utcoffset() == timedelta(0) for row in active)
    assert total == sum(row.total for row in orders.values())


def test_a_change_of_somebody_who_never_was_is_parked_and_not_invented(
    prepared: Database, store: EventStore
) -> None:
    store.append_events("ghost", 0, [UserDeactivated(reason="asked")])
    fill(store, 1, 10)
    catch_up(prepared, UserDirectory())

    assert "ghost" not in rows(prepared, UserDirectory())
    assert rows(prepared, UserDirectory())
