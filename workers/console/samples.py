"""The demo's sample load: users and orders that look like somebody's, the same every time."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from store.codec import Metadata
from store.command_codec import make_command
from store.event_store import EventStore
from store.inbox import Submission

NAMES = (
    *("ada", "alan", "annie", "barbara", "dennis", "donald", "edith", "edsger", "frances"),
    *("grace", "hedy", "jean", "john", "karen", "katherine", "ken", "leslie", "margaret"),
    *("mary", "niklaus", "radia", "sophie", "tim", "vint"),
)
HERO = NAMES[0]
PRICES = {
    "coffee": Decimal("7.90"),
    "honey": Decimal("6.50"),
    "kettle": Decimal("39.00"),
    "mug": Decimal("11.25"),
    "tea": Decimal("4.20"),
    "teapot": Decimal("24.80"),
}
HASH = "$argon2id$v=19$m=65536,t=3,p=4$c2FtcGxl$bm90IGEgcmVhbCBwYXNzd29yZA"
REFUSED = 1  # how many of the commands break a rule on purpose

Step = tuple[str, dict[str, Any]]


def suffix_of_next_run(store: EventStore) -> str:
    """Return what to append to ids, so that every run of the demo has its own."""
    for run in count(1):
        suffix = "" if run == 1 else f"-{run}"
        if not store.load_events(f"{HERO}{suffix}"):
            return suffix
    raise AssertionError


def sample_load(orders: int, suffix: str = "") -> Iterator[Submission]:
    """Yield the commands of one run, in an order that makes sense."""
    for number, (command_type, fields) in enumerate(steps(orders, suffix)):
        yield Submission(
            command_id=uuid5(NAMESPACE_URL, f"fleetlog-demo:{suffix}:{number}:{fields}"),
            command=make_command(command_type, fields),
            metadata=Metadata(actor="demo"),
        )


def steps(orders: int, suffix: str) -> Iterator[Step]:
    for name, id in zip(NAMES, users(suffix), strict=True):
        yield "CreateUser", {"user_id": id, "username": name, "email": f"{name}@example.org"}
    yield from life_of_the_hero(f"{HERO}{suffix}")
    for name in NAMES[5::5]:
        yield "ChangeUserEmail", {"user_id": f"{name}{suffix}", "new_email": f"{name}@example.net"}
    for name in NAMES[2::7]:
        yield "DeactivateUser", {"user_id": f"{name}{suffix}", "reason": "left the company"}
    for number, id in enumerate(order_ids(orders, suffix), start=1):
        yield from life_of_an_order(id, number, orders)


def users(suffix: str) -> list[str]:
    """Return the ids of a run's users."""
    return [f"{name}{suffix}" for name in NAMES]


def order_ids(orders: int, suffix: str) -> list[str]:
    """Return the ids of a run's orders."""
    return [f"order{suffix}-{number:04}" for number in range(1, orders + 1)]


def life_of_the_hero(id: str) -> Iterator[Step]:
    """One of each; the second deactivation is refused."""
    yield "ChangeUserEmail", {"user_id": id, "new_email": "ada@example.net"}
    yield "ChangeUserPassword", {"user_id": id, "password_hash": HASH}
    yield "DeactivateUser", {"user_id": id, "reason": "sabbatical"}
    yield "DeactivateUser", {"user_id": id, "reason": "asked twice"}
    yield "ReactivateUser", {"user_id": id}


def life_of_an_order(id: str, number: int, orders: int) -> Iterator[Step]:
    """Most are paid and shipped, some the other way round, the newest only placed."""
    goods = sorted(PRICES)
    items = [goods[(number * step) % len(goods)] for step in range(1, 2 + number % 3)]
    total = str(sum(PRICES[item] for item in items))
    yield "PlaceOrder", {"order_id": id, "items": items, "total": total}
    payment: Step = ("ProcessPayment", {"order_id": id, "amount": total})
    shipment: Step = ("ShipOrder", {"order_id": id, "packages": [f"{id}-1"]})
    if number % 7 == 0:
        yield from (shipment, payment)
    elif number <= orders - orders // 10:
        yield from (payment, shipment)
    elif number % 2:
        yield payment
