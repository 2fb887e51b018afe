"""Lines of a file as nobody should write them, beside what must be said of each."""

import json
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from store.storable import printable
from tests.hostile.generate import Hostile, hostile_commands
from tests.hostile.judging import names_the_field
from tests.hostile.odd import as_json, is_json
from tests.hostile.wild import chosen, harmless, word

GOOD = b'{"command":"Ring","data":{"toy_id":"toy","note":1}}'
NOT_JSON = "malformed", "truncated", "trailing"
# What the line says instead of a good one, and any of the words that must be said of it.
BROKEN: tuple[tuple[bytes, tuple[str, ...]], ...] = (
    (b"nonsense", NOT_JSON),
    (b'{"command":"Ring"', NOT_JSON),
    (GOOD + GOOD, NOT_JSON),
    (b"\xef\xbb\xbf" + GOOD, NOT_JSON),
    (GOOD.decode().encode("utf-16"), NOT_JSON),
    (b"\x00", NOT_JSON),
    (b"\x80\x04\x95.", NOT_JSON),
    (b"!!python/object/apply:os.system ['true']", NOT_JSON),
    (b"command: Ring", NOT_JSON),
    (b"null", ("Expected object",)),
    (b"[]", ("Expected object",)),
    (b'"Ring"', ("Expected object",)),
    (b"1e400", ("Expected object", "out of range")),
    (b"[" * 5000, ("Expected object", "nested")),
    (b"{}", ("command",)),
    (b'{"command":"Ring"}', ("data",)),
    (b'{"command":null,"data":{}}', ("command:",)),
    (b'{"command":["Ring"],"data":{}}', ("command:",)),
    (b'{"command":"Ring","data":null}', ("data:",)),
    (b'{"command":"Ring","data":[]}', ("data:",)),
    (b'{"command":"Ring","data":"x"}', ("data:",)),
    (b'{"command":"","data":{}}', ("no aggregate answers",)),
    (b'{"command":"ring","data":{}}', ("'ring'",)),
    (b'{"command":"Ring ","data":{}}', ("'Ring '",)),
    ('{"command":"R\u0456ng","data":{}}'.encode(), ("no aggregate answers",)),
    (b'{"command":"\\u001b[2J","data":{}}', (r"\x1b",)),
    (b'{"command":"os.system","data":{}}', ("'os.system'",)),
    (b'{"command":"' + b"x" * 10**6 + b'","data":{}}', ("no aggregate answers",)),
    (b'{"command":"Ring","data":{"toy_id":"\xff","note":1}}', ("data.toy_id: is not UTF-8",)),
    (b'{"command":"\xc0\xaf","data":{}}', ("UTF-8",)),
)
# A part of the envelope, and what is said of it.
ENVELOPE = (
    ('"command_id":"1"', "command_id"),
    ('"command_id":7', "command_id"),
    ('"command_id":"454c7d35-212e-562f-a9eb-c89608c738f"', "command_id"),
    ('"time":"yesterday"', "time"),
    ('"time":20260101', "time"),
    ('"time":"10000-01-01T00:00:00Z"', "time"),
    ('"time":"2026-02-30T00:00:00Z"', "time"),
    ('"actor":7', "actor"),
    ('"actor":"\\u0000"', "metadata.actor"),
    ('"actor":["kim"]', "actor"),
    ('"reason":{}', "reason"),
    ('"correlation_id":1.5', "correlation_id"),
    ('"correlation_id":"' + "x" * 300_000 + '"', "metadata"),
    ('"causation_id":"a\\u0000b"', "metadata.causation_id"),
    ('"stranger":1', "stranger"),
    ('"Command":"Ring"', "Command"),
    ('"\\u001b[31m":1', r"\x1b[31m"),
)


class Line(NamedTuple):
    """A line and, unless it is legal, any of the words that tell what is wrong with it."""

    text: bytes
    words: tuple[str, ...]
    hostile: Hostile | None = None

    @property
    def is_legal(self) -> bool:
        return self.hostile is not None and self.hostile.is_legal

    def is_told_by(self, message: str) -> bool:
        named = self.hostile is not None and names_the_field(self.hostile, message)
        return named or any(word in message for word in self.words)


def hostile_lines(random: Random) -> Iterator[Line]:
    """Yield lines without end: hostile commands, broken lines, and odd envelopes."""
    for number, hostile in enumerate(hostile_commands(random)):
        match random.randrange(8):
            case 0:
                yield broken(random)
            case 1:
                part, words = envelope(random)
                ring = f'{{"toy_id":"enveloped","note":{number}}}'
                yield Line(f'{{"command":"Ring","data":{ring},{part}}}'.encode(), (words,))
            case _:
                if not is_json(hostile.fields):
                    continue
                command = json.dumps(hostile.command_type)
                text = f'{{"command":{command},"data":{as_json(hostile.fields)}}}'
                yield Line(text.encode(), said_of(hostile), hostile)


def broken(random: Random) -> Line:
    """Return one from the list above, a good one that is damaged somewhere, or no command's."""
    good = f'{{"command":"Ring","data":{{"toy_id":"{word(random)}","note":1}}}}'.encode()
    place = random.randrange(1, len(good))
    damaged = random.choice((good[:place], good[:place] + b"\x01" + good[place:], good + good[:1]))
    name = json.dumps(word(random))
    return random.choice(
        (
            Line(*random.choice(BROKEN)),
            Line(damaged, (*NOT_JSON, "Expected object", "UTF-8")),
            Line(json.dumps([harmless(random), word(random)]).encode(), ("Expected object",)),
            Line(f'{{"command":{name},"data":{{}}}}'.encode(), ("no aggregate answers",)),
        )
    )


def envelope(random: Random) -> tuple[str, str]:
    """Return a part of an envelope from the list above, or one of a value that it cannot have."""
    if random.random() < 0.3:
        return random.choice(ENVELOPE)
    part = random.choice(("command_id", "time", "actor", "reason", "causation_id"))
    wrong = chosen(random, (7, 1.5, [], {}, ["kim"]))
    return f'"{part}":{json.dumps(wrong)}', part


def said_of(hostile: Hostile) -> tuple[str, ...]:
    """Return what may be said before anybody looks at the fields: the line cannot be read."""
    return (
        f"data.{printable(hostile.field)}",
        "data has a key that holds",
        "is nested too deeply",
        "bytes, more than",
    )
