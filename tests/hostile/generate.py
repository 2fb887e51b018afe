"""Commands as nobody should send them: without end, and the same ones for the same seed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

from tests.hostile.odd import Odd
from tests.hostile.wild import buried, chosen, harmless

Fields = dict[Any, Any]
Values = tuple[Any, ...]

ID_FIELDS = {
    "CreateUser": "user_id",
    "DeactivateUser": "user_id",
    "PlaceOrder": "order_id",
    "Ring": "toy_id",
    "Label": "toy_id",
    "Put": "box_id",
}
# Two of these look alike, or would be taken for something else, and are ids of their own.
LOOK_ALIKES = (
    "ada", "\u0430da", "ad\u0430", "Ada", "ADA", " ada", "ada ", "ada  ", "a\u200bda", "\u2060ada",
    "ada\ufeff", "\u202eada", "a\u0301da", "\u00e1da", "\uff41da", "ada\u00a0", "ad\u0251",
    "a\u00adda", "\U0001d41ada", "ada\U000e0041", "ada/", "../ada", "ada%00", "ada\\u0000", "'ada'",
    "ada;--", "{ada}", "%s", "\U0001f680", "\u0644\u0627", "\u0645\u200c\u0645", "null", "0", "-0",
    "1e400", "NaN", "\ufdd0", "\uffff", "\U0010ffff", "\u2028", "i\u0307", "\u0130", "\u00df", "ss",
)  # fmt: skip
NO_TEXT: Values = (None, True, 0, -1, 1.5, [], {}, ["text"], {"text": "text"}, Odd.ENDLESS_NESTING)
NO_NUMBER: Values = (
    None,
    True,
    "7",
    1.5,
    [],
    {},
    [7],
    {"7": 7},
    Odd.NOT_A_NUMBER,
    Odd.ENDLESS_NESTING,
)
NO_LIST: Values = (None, True, 7, "text", 1.5, {}, [7], [None], [["text"]], Odd.ENDLESS_NESTING)
NO_MONEY: Values = (
    *(None, True, [], {}, "", "ten", "NaN", "sNaN", "-1", -1, "\ud800", "Infinity"),
    *(Odd.INFINITE, Odd.NOT_A_NUMBER),
)
MISFITS = {"note": NO_NUMBER, "items": NO_LIST, "total": NO_MONEY}
UNSTORABLE = (
    "\x00", "a\x00b", "\ud800", "\udfff", "a\udc00b", "\ud83d", Odd.INFINITE, Odd.MINUS_INFINITE,
    Odd.NOT_A_NUMBER, Odd.ENDLESS_NUMBER, Odd.ENDLESS_NESTING, 2**63, -(2**63) - 1, 1e16, -1e300,
    -0.0, {"\x00": 1}, {"\ud800": 1}, ["\x00"], {"a": [{"b": "\udbff"}]}, "x" * (256 * 1024),
)  # fmt: skip
UNPRINTABLE = ("", "\x00", "\ud800", "\n", "a\tb", "\x1b[2J", "\x7f", "\x85", "\r\n", "x" * 256)
STRANGERS = (
    "", " ", "\x00", "\ud800", "__class__", "__init__", "command_id", "self", "user_id ", "Note",
    "\x1b[31mred", "x" * 5000, "n\u043ete", "toy-id", "\u202e", "args", "kwargs", "$where", "a.b",
)  # fmt: skip
NOT_EVEN_NAMES = (7, None, 10**4301, (), b"note", 1.5)
BETWEEN_ENORMOUS_ONES = 700


@dataclass(frozen=True)
class Hostile:
    """
    A command to be sent; `field` is the one that its refusal must name.

    A legal one has nothing wrong with it but its looks, and must be kept as it is.
    """

    kind: str
    command_type: str
    fields: Fields
    field: object
    is_legal: bool = False

    @property
    def aggregate_id(self) -> str:
        return str(self.fields[ID_FIELDS[self.command_type]])


def seeded(seed: int) -> Random:
    """Return a generator whose draws can be had again."""
    return Random(seed)  # noqa: S311 - nothing here is a secret


def good(random: Random, command_type: str, id: str) -> Fields:
    """Return fields that this command takes."""
    rest: dict[str, Fields] = {
        "CreateUser": {"username": "kim", "email": "kim@example.org"},
        "DeactivateUser": {"reason": "they asked"},
        "PlaceOrder": {"items": ["lamp"], "total": "19.90"},
        "Ring": {"note": random.randrange(-(2**31), 2**31)},
        "Label": {"text": chosen(random, LOOK_ALIKES)},
        "Put": {"thing": random.choice((None, "\x01\x1f", [], {"": {}}, 0.1, 2**63 - 1))},
    }
    return {ID_FIELDS[command_type]: id, **rest[command_type]}


def any_good(random: Random, number: int) -> tuple[str, Fields]:
    command_type = random.choice(tuple(ID_FIELDS))
    return command_type, good(random, command_type, f"hostile-{number}")


def wrong_type(random: Random, number: int) -> Hostile:
    command_type, fields = any_good(random, number)
    field = random.choice([name for name in fields if name != "thing"])  # a box takes any
    damaged = {**fields, field: chosen(random, MISFITS.get(field, NO_TEXT))}
    return Hostile("wrong type", command_type, damaged, field)


def missing_field(random: Random, number: int) -> Hostile:
    command_type, fields = any_good(random, number)
    field = random.choice(list(fields))
    del fields[field]
    return Hostile("missing field", command_type, fields, field)


def unknown_field(random: Random, number: int) -> Hostile:
    command_type, fields = any_good(random, number)
    name = chosen(random, STRANGERS)
    return Hostile("unknown field", command_type, {**fields, name: harmless(random)}, name)


def field_of_no_name(random: Random, number: int) -> Hostile:
    command_type, fields = any_good(random, number)
    name = chosen(random, NOT_EVEN_NAMES)
    return Hostile("field of no name", command_type, {**fields, name: harmless(random)}, name)


def unstorable(random: Random, number: int) -> Hostile:
    fields = {"box_id": f"hostile-{number}", "thing": buried(random, random.choice(UNSTORABLE))}
    return Hostile("unstorable", "Put", fields, "thing")


def unprintable_id(random: Random, number: int) -> Hostile:
    command_type, fields = any_good(random, number)
    field = ID_FIELDS[command_type]
    bad = {**fields, field: chosen(random, UNPRINTABLE)}
    return Hostile("unprintable id", command_type, bad, field)


def enormous(_: Random, number: int) -> Hostile:
    fields = {"toy_id": f"hostile-{number}", "text": Odd.ENORMOUS}
    return Hostile("enormous", "Label", fields, "text")


def look_alike(random: Random, number: int) -> Hostile:
    """Return a command that is legal; many of them differ only by how they are written."""
    command_type = random.choice(("Label", "Put"))
    place = f"{command_type}|{number // 300}"
    alike = random.choice(LOOK_ALIKES) + random.choice(("", *LOOK_ALIKES))
    id = random.choice((f"{place}|{alike}", f"{alike}|{place}"))
    fields = good(random, command_type, id)
    return Hostile("look-alike", command_type, fields, None, is_legal=True)


Kind = Callable[[Random, int], Hostile]
KINDS: tuple[Kind, ...] = (
    wrong_type,
    missing_field,
    unknown_field,
    field_of_no_name,
    unstorable,
    unprintable_id,
    look_alike,
)


def hostile_commands(random: Random) -> Iterator[Hostile]:
    """Yield commands without end: about one in seven is only strange, and legal."""
    for number in count():
        kind = random.choice(KINDS)
        if number % BETWEEN_ENORMOUS_ONES == BETWEEN_ENORMOUS_ONES // 2:
            kind = enormous
        yield kind(random, number)
