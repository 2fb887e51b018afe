"""Which commands a client draws: a few hundred ids that all clients share, so that they contend."""

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

Fields: TypeAlias = dict[str, Any]

TOYS = 12
WINDOW = 25  # how many users and orders are under way at the same time
UNLUCKY = 13  # a note that the shelf of toys cannot digest
LABELS = ("red", "blue", "green")


class Drawn(NamedTuple):
    """A command, not made yet: it may break a rule about its fields."""

    command_id: UUID
    command_type: str
    aggregate_id: str
    fields: Fields


class Draw:
    """One client's sequence of commands; the same seed draws the same."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._drawn = 0

    def __call__(self) -> Drawn:
        self._drawn += 1
        kinds: dict[Callable[[], tuple[str, str, Fields]], int] = {
            self._user: 35,
            self._order: 40,
            self._toy: 23,
            self._unlucky_toy: 2,
        }
        (kind,) = self._random.choices(list(kinds), list(kinds.values()))
        command_type, aggregate_id, fields = kind()
        return Drawn(self._uuid(), command_type, aggregate_id, fields)

    def _user(self) -> tuple[str, str, Fields]:
        user_id = self._near("user", every=20)
        name = f"name{self._random.randrange(5)}"
        email = f"{name}@example.org"
        kinds: dict[str, tuple[int, Fields]] = {
            "CreateUser": (30, {"username": name, "email": self._maybe_wrong(email)}),
            "ChangeUserEmail": (30, {"new_email": self._maybe_wrong(email)}),
            "ChangeUserPassword": (15, {"password_hash": f"$2b$12${name}"}),
            "DeactivateUser": (15, {"reason": "asked for it"}),
            "ReactivateUser": (10, {}),
        }
        command_type, fields = self._one_of(kinds)
        return command_type, user_id, {"user_id": user_id, **fields}

    def _order(self) -> tuple[str, str, Fields]:
        order_id = self._near("order", every=10)
        amount = f"{self._random.randrange(1, 999)}.{self._random.randrange(10)}0"
        items = ["pen", "ink", "paper"][: self._random.randrange(1, 4)]
        kinds: dict[str, tuple[int, Fields]] = {
            "PlaceOrder": (40, {"items": items, "total": amount}),
            "ProcessPayment": (30, {"amount": amount}),
            "ShipOrder": (30, {"packages": items}),
        }
        command_type, fields = self._one_of(kinds)
        if command_type == "PlaceOrder" and len(items) > 1:
            fields["customer_id"] = order_id.replace("order", "user")
        return command_type, order_id, {"order_id": order_id, **fields}

    def _toy(self) -> tuple[str, str, Fields]:
        toy_id = f"toy-{self._random.randrange(TOYS)}"
        kinds: dict[str, tuple[int, Fields]] = {
            "Ring": (60, {"note": self._random.randrange(UNLUCKY)}),
            "Label": (30, {"text": self._random.choice(LABELS)}),
            "RingAndRefuse": (10, {}),
        }
        command_type, fields = self._one_of(kinds)
        return command_type, toy_id, {"toy_id": toy_id, **fields}

    def _unlucky_toy(self) -> tuple[str, str, Fields]:
        toy_id = f"unlucky-{self._random.randrange(TOYS)}"
        note = self._random.choice((UNLUCKY, 1))
        return "Ring", toy_id, {"toy_id": toy_id, "note": note}

    def _near(self, kind: str, *, every: int) -> str:
        """Return an id that is under way just now, here and with the other clients."""
        return f"{kind}-{self._drawn // every + self._random.randrange(WINDOW)}"

    def _maybe_wrong(self, email: str) -> str:
        return "nobody" if self._random.random() < 0.03 else email

    def _one_of(self, kinds: dict[str, tuple[int, Fields]]) -> tuple[str, Fields]:
        (chosen,) = self._random.choices(list(kinds), [weight for weight, _ in kinds.values()])
        return chosen, kinds[chosen][1]

    def _uuid(self) -> UUID:
        return UUID(int=self._random.getrandbits(128), version=4)
