"""One odd value made many: varied within what is wrong with it, or buried in what is not."""

from random import Random
from typing import Any

# None of them is a digit, a sign, or part of a word that means something: a bad text stays bad.
LETTERS = "qwzxjk\u00e9\u03bb\u6f22\U0001f680"


def word(random: Random) -> str:
    return "".join(random.choices(LETTERS, k=random.randint(1, 8)))


def harmless(random: Random, depth: int = 2) -> Any:
    """Return some JSON that anybody may store."""
    match random.randrange(7 if depth else 4):
        case 0:
            return random.randrange(-(2**53), 2**53)
        case 1:
            return word(random)
        case 2:
            return random.choice((None, True, False, ""))
        case 3:
            return random.randrange(1000) + 0.5
        case 4 | 5:
            return [harmless(random, depth - 1) for _ in range(random.randrange(3))]
        case _:
            return {word(random): harmless(random, depth - 1) for _ in range(random.randrange(3))}


def varied(random: Random, value: Any) -> Any:  # noqa: PLR0911 - a case for each kind
    """
    Return another of its kind: what is wrong with its type, or with how it begins, still is.

    A number goes on away from zero, zero itself downwards; what has only one form stays.
    """
    match value:
        case bool() | None | "":
            return value
        case str() if len(value) < 100:
            return value + word(random)
        case int() if abs(value) < 2**100:
            return value + random.randrange(10**6) * (1 if value > 0 else -1)
        case float() if value == 1.5:
            return random.randrange(10**6) + value
        case list():
            return [*value, *(harmless(random) for _ in range(random.randint(1, 3)))]
        case dict():
            return {**value, word(random): harmless(random)}
        case _:
            return value


def buried(random: Random, value: Any) -> Any:
    """Return something that holds the value, not more than three levels down."""
    for _ in range(random.randrange(4)):
        beside = [harmless(random) for _ in range(random.randrange(3))]
        if random.random() < 0.5:
            value = [*beside, value, *beside[:1]]
        else:
            value = {**{word(random): one for one in beside}, f"{word(random)}.": value}
    return value


def chosen(random: Random, values: Any) -> Any:
    """Return one of them, as it is or, three times out of four, varied."""
    value = random.choice(values)
    return value if random.random() < 0.25 else varied(random, value)
