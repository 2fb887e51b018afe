"""Events as nobody should append them, typed and plain, beside what their refusal must name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any

from domain.orders import OrderPlaced
from domain.users import UserCreated
from store.codec import Metadata, RawEvent
from tests.hostile.boxes import WasPut
from tests.hostile.generate import (
    LOOK_ALIKES,
    NO_NUMBER,
    NO_TEXT,
    UNPRINTABLE,
    UNSTORABLE,
    Values,
)
from tests.hostile.odd import Odd, as_python
from tests.hostile.wild import buried, chosen
from tests.toys import Labelled, Rang

NO_MONEY: Values = (Decimal("NaN"), Decimal("sNaN"), None, [], {}, True, b"1", "ten", object())
NO_JSON = (b"bytes", {1}, object(), 1j, Decimal(1), (1, 2), range(3), len, {1: 1}, {None: 1})
NO_NAMES = ("", "\x00", "\ud800", "New\nLine", "\x1b[2J", "x" * 101, None, 7, b"Noted", ["Noted"])
NO_VERSIONS = (0, -1, 2**31, -(2**31), 10**4301, None, "1", 1.5, [1])
NO_OBJECTS: Values = (None, "text", 7, [], [{}], True, b"{}")
NO_IDS: Values = (*UNPRINTABLE, None, 7, b"id", ["id"], {}, 1.5)
NO_CLAIMS: Values = ("\x00", "a\ud800", 7, ["kim"], {}, b"kim", 1.5, True, "x" * (256 * 1024))
CLAIMS = ("actor", "reason", "correlation_id", "causation_id", "command_id", "occurred_at")
BETWEEN_ENORMOUS_ONES = 700


@dataclass(frozen=True)
class Appending:
    """One call of `append_events`; `names` is what its refusal must name, None for a legal one."""

    aggregate_id: Any
    event: Any
    names: str | None
    aggregate_type: Any = "Box"
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def is_legal(self) -> bool:
        return self.names is None


def raw(**parts: Any) -> RawEvent:
    return RawEvent(**{"event_type": "Noted", "data": {}, **parts})


def plain_data(random: Random, id: str) -> Appending:
    value = as_python(buried(random, random.choice((*UNSTORABLE, *NO_JSON))))
    return Appending(id, raw(data={"value": value}), "Noted")


def plain_parts(random: Random, id: str) -> Appending:
    part, values = random.choice(
        [("event_type", NO_NAMES), ("version", NO_VERSIONS), ("data", NO_OBJECTS)]
    )
    event = raw(**{part: chosen(random, values)})
    return Appending(id, event, "Noted" if part == "data" else part)


def toys(random: Random, id: str) -> Appending:
    if random.random() < 0.5:
        note = as_python(chosen(random, [n for n in NO_NUMBER if n is not None]))
        return Appending(id, Rang(note=note), "Rang.note", "Toy")
    text = as_python(chosen(random, (*NO_TEXT, "\x00", "\ud83d", Odd.ENDLESS_NUMBER)))
    return Appending(id, Labelled(text=text), "Labelled.text", "Toy")


def things(random: Random, id: str) -> Appending:
    value = as_python(buried(random, random.choice((*UNSTORABLE, *NO_JSON))))
    return Appending(id, WasPut(thing=value), "WasPut.thing")


def orders(random: Random, id: str) -> Appending:
    total: Any = chosen(random, NO_MONEY)
    placed = OrderPlaced(order_id=id, items=("lamp",), total=total)
    return Appending(id, placed, "OrderPlaced.total", "Order")


def users(random: Random, id: str) -> Appending:
    name = as_python(chosen(random, (*NO_TEXT, "\x00", "\udfff")))
    created = UserCreated(user_id=id, username=name, email="kim@example.org")
    return Appending(id, created, "UserCreated.username", "User")


def no_events(random: Random, id: str) -> Appending:
    event = chosen(random, (None, 7, {}, "Noted", b"Noted", ["Noted"], Rang, object()))
    return Appending(id, event, "an event")


def ids(random: Random, _: str) -> Appending:
    return Appending(chosen(random, NO_IDS), raw(), "aggregate_id")


def types(random: Random, id: str) -> Appending:
    wrong = chosen(random, [name for name in NO_NAMES if name])  # none, or "", is to be guessed
    return Appending(id, raw(), "aggregate_type", wrong)


def claims(random: Random, id: str) -> Appending:
    claim, value = random.choice(CLAIMS), chosen(random, NO_CLAIMS)
    return Appending(id, raw(), "metadata", metadata=Metadata(**{claim: value}))


def enormous(_: Random, id: str) -> Appending:
    return Appending(id, WasPut(thing=as_python(Odd.ENORMOUS)), "WasPut.thing")


def look_alikes(random: Random, id: str) -> Appending:
    """Return a legal one: its id, its type, its name and all that it says only look strange."""
    alike, other = chosen(random, LOOK_ALIKES), chosen(random, LOOK_ALIKES)
    data = {other: alike, alike: [other, {"": alike}], "deep": {alike: {other: {}}}}
    name = random.choice(LOOK_ALIKES)
    event = random.choice((raw(event_type=f"{name}.", data=data), WasPut(thing=data)))
    actor = Metadata(actor=other, reason=alike)
    return Appending(f"{alike}|{id[:-2]}", event, None, metadata=actor)


KINDS: tuple[Callable[[Random, str], Appending], ...] = (
    *(plain_data, plain_parts, toys, things, orders, users, no_events, ids, types, claims),
    look_alikes,
)


def hostile_appends(random: Random) -> Iterator[Appending]:
    """Yield calls without end; about one in eleven is legal."""
    for number in count(100):
        kind = random.choice(KINDS)
        if number % BETWEEN_ENORMOUS_ONES == BETWEEN_ENORMOUS_ONES // 2:
            kind = enormous
        yield kind(random, f"hostile-{number}")
