"""Messages as no broker should hold them: broken at every layer, one fault a message."""

import json
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from tests.hostile.generate import Values
from tests.hostile.odd import DIGITS, LEVELS
from tests.hostile.wild import chosen, word

DEEP = "[" * LEVELS + "]" * LEVELS
ENDLESS = "9" * DIGITS
OWNED = Path("/tmp/fleetlog-was-made-to-unpickle")  # noqa: S108 - nobody but a pickle makes it
NO_OBJECT: Values = (None, True, 7, 1.5, "text", [], [{}], [["task", "Ring"]])
NO_TEXT: Values = (None, True, 7, 1.5, [], {}, ["text"], {"text": 1})

NO_ARGS: Values = (None, {}, "args", 7)
NO_KWARGS: Values = (None, [], "kwargs", 7)
NO_EMBED: Values = (None, [], "embed", 7)
SPOILT_PROPERTIES: tuple[tuple[str, Values], ...] = (
    ("delivery_tag", (*NO_TEXT, "")),
    ("delivery_info", NO_OBJECT),
    ("delivery_info", ({}, {"exchange": ""}, {"exchange": 7, "routing_key": "commands"})),
    ("delivery_info", ({"exchange": "", "routing_key": []},)),
    ("body_encoding", ("base65", "", "rot13", "zlib", 7, [], {})),
)
SPOILT_HEADERS: tuple[tuple[str, Values], ...] = (
    ("retries", ("many", -1, 1.5, [], {}, 10**30)),
    ("timelimit", ("soon", 7, [], ["a", "b"], {}, [None], [1, 2, 3])),
    ("eta", ("yesterday", 7, [], {}, "10000-01-01T00:00:00", "0001-01-01T00:00:00", "")),
    ("expires", ("never", [], {}, "10000-01-01T00:00:00", True)),
    ("root_id", NO_TEXT), ("parent_id", NO_TEXT), ("group", NO_TEXT),
    ("group_index", ("first", [], {})), ("shadow", NO_TEXT), ("origin", NO_TEXT),
    ("argsrepr", NO_TEXT), ("kwargsrepr", NO_TEXT), ("lang", NO_TEXT),
    ("ignore_result", ("maybe", [], 7)), ("replaced_task_nesting", ("deep", [], {})),
    ("stamped_headers", ("stamp", 7, {}, [7], [[]], ["missing"])), ("stamps", NO_OBJECT),
    ("headers", NO_OBJECT), ("fleetlog_early", ("soon", [], {}, -1)),
    ("fleetlog_republished", ("yes", [], {})), ("fleetlog_correlation_id", NO_TEXT),
    ("actor", ("\x00", "\ud800", 7, [], {"kim": 1}, "x" * 10**6)),
    ("traceparent", ("\x00", 7, [], "00-zz")), ("is_eager", (True, "x")),
    ("reply_to", NO_TEXT), ("delivery_info", NO_OBJECT), ("errbacks", NO_OBJECT),
    ("callbacks", NO_OBJECT), ("chain", NO_OBJECT), ("redelivered", ("yes", [])),
    ("hostname", NO_TEXT), ("called_directly", (True,)), ("_protected", (7,)),
    ("x" * 10**6, (1,)), ("\x00", (1,)), ("\ud800", ("\udfff",)), ("", ("",)),
)  # fmt: skip


@dataclass(frozen=True)
class Letter:
    """What is pushed onto a queue's list; `task_id` is the one that it has where it has one."""

    kind: str
    wire: bytes
    task_id: str


@dataclass
class Envelope:
    """A message as kombu writes it, to be spoilt in one place."""

    number: int
    id: str
    task: Any = "Ring"
    kwargs: Any = None
    embed: Any = None
    args: Any = ()

    def headers(self, **spoilt: Any) -> dict[str, Any]:
        return {"lang": "py", "task": self.task, "id": self.id, **spoilt}

    def body(self) -> list[Any]:
        fields = {"toy_id": f"toy-{self.number}", "note": 1} if self.kwargs is None else self.kwargs
        return [list(self.args), fields, {} if self.embed is None else self.embed]

    def properties(self, **spoilt: Any) -> dict[str, Any]:
        return {
            "correlation_id": self.id,
            "reply_to": "",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "commands"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": f"tag-{self.id}",
            **spoilt,
        }

    def document(self, **spoilt: Any) -> dict[str, Any]:
        return {
            "body": b64encode(json.dumps(self.body()).encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": self.headers(),
            "properties": self.properties(),
            **spoilt,
        }


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def packed(body: bytes | str) -> str:
    return b64encode(body.encode() if isinstance(body, str) else body).decode()


def no_json(random: Random, whole: Envelope) -> bytes:
    text = encoded(whole.document())
    if random.random() < 0.5:  # cut off somewhere, or with something in front
        return random.choice((text[: random.randrange(len(text))], word(random).encode() + text))
    return random.choice(
        (
            b"", b" ", b"\x00", b"nonsense", b"\x80\x04\x95.", b"\xff\xfe", b"'", b"{", text[:-1],
            text[1:], text[: len(text) // 2], text + b"}", text.replace(b'"headers"', b"headers"),
            text.decode().encode("utf-16"), b"\xef\xbb\xbf" + text, DEEP.encode(), ENDLESS.encode(),
            text.replace(b'"delivery_mode": 2', b'"delivery_mode": ' + ENDLESS.encode()),
            text.replace(b'"delivery_mode": 2', b'"delivery_mode": ' + DEEP.encode()),
            text.replace(b"tag-", b"\xc0\xaf"), b"!!python/object/apply:os.system ['true']",
        )
    )  # fmt: skip


def no_message(random: Random, whole: Envelope) -> bytes:
    """JSON, and at most half of what kombu writes."""
    document = whole.document()
    if random.random() < 0.3:
        return encoded(random.choice((*NO_OBJECT, {}, "", 0, [document], {"message": document})))
    part = random.choice(("body", "headers", "properties"))
    if random.random() < 0.5:
        del document[part]
        return encoded(document)
    return encoded({**document, part: chosen(random, NO_TEXT if part == "body" else NO_OBJECT)})


def bad_properties(random: Random, whole: Envelope) -> bytes:
    name, values = random.choice(SPOILT_PROPERTIES)
    properties = whole.properties(**{name: chosen(random, values)})
    return encoded(whole.document(properties=properties))


def bad_body(random: Random, whole: Envelope) -> bytes:
    good = whole.body()
    bodies: Values = (
        "", "%%%", "a", "=", "\u00e9", packed(b"\x80\x04\x95."), packed(b"\xff\xfe\x00"),
        packed(""), packed("null"), packed("[]"), packed("{}"), packed("7"), packed('"Ring"'),
        packed(DEEP), packed(ENDLESS), packed(f"[[],{{}},{DEEP}]"), packed("[[],{},{}"),
        *(packed(json.dumps(body)) for body in (good[:1], good[:2], [*good, 1], [good], good[1])),
        *(packed(json.dumps([wrong, {}, {}])) for wrong in NO_ARGS),
        *(packed(json.dumps([[], wrong, {}])) for wrong in NO_KWARGS),
        *(packed(json.dumps([[], {}, wrong])) for wrong in NO_EMBED),
        packed('[[],{"note":{"__type__":"datetime","__value__":"never"}},{}]'),
        packed('[[],{"note":{"__type__":"uuid","__value__":{}}},{}]'),
        packed('[[],{"note":{"__type__":"decimal","__value__":"ten"}},{}]'),
    )  # fmt: skip
    return encoded(whole.document(body=random.choice(bodies)))


def bad_content(random: Random, whole: Envelope) -> bytes:
    """Of a type that nobody accepts, and whatever code might lie in it stays unread."""
    pickled = f"cos\nsystem\n(S'touch {OWNED}'\ntR.".encode()
    spoilt: dict[str, Any] = random.choice(
        (
            {"content-type": "application/x-python-serialize", "content-encoding": "binary",
             "body": packed(pickled)},
            {"content-type": "pickle"},
            {"content-type": "application/x-yaml", "body": packed("!!python/object:os.system {}")},
            {"content-type": "application/x-msgpack", "content-encoding": "binary"},
            {"content-type": "application/data"}, {"content-type": "text/html"},
            {"content-type": ""}, {"content-type": None}, {"content-type": 7},
            {"content-type": ["application/json"]}, {"content-type": {}},
            {"content-encoding": "utf-7000"}, {"content-encoding": "rot13"},
            {"content-encoding": 7}, {"content-encoding": "\x00"}, {"content-encoding": "hex"},
            {"content-encoding": ["utf-8"]},
        )
    )  # fmt: skip
    return encoded(whole.document(**spoilt))


def bad_compression(random: Random, whole: Envelope) -> bytes:
    names: Values = ("application/x-gzip", "zlib", "bzip2", "nothing", 7, [], {}, "\x00")
    body = packed(random.choice((b"no archive", zlib.compress(b"[[],{}"), b"")))
    return encoded(
        whole.document(headers=whole.headers(compression=chosen(random, names)), body=body)
    )


def bad_task(random: Random, whole: Envelope) -> bytes:
    names: Values = (
        "", " ", "ring", "Ring ", "R\u0456ng", "\x00", "\ud800", "\x1b[2J", "celery.ping",
        "os.system", "x" * 10_000, "Ring\x00", "workers.tasks", "__import__", *NO_TEXT,
    )  # fmt: skip
    headers = whole.headers(task=chosen(random, names))
    if random.random() < 0.1:
        del headers["task"]
    return encoded(whole.document(headers=headers))


def bad_id(random: Random, whole: Envelope) -> bytes:
    headers = whole.headers(id=chosen(random, (*NO_TEXT, "")))
    if random.random() < 0.2:
        del headers["id"]
    return encoded(whole.document(headers=headers))


def bad_headers(random: Random, whole: Envelope) -> bytes:
    """Headers that Celery reads; the command itself is a good one."""
    name, values = random.choice(SPOILT_HEADERS)
    return encoded(whole.document(headers=whole.headers(**{name: chosen(random, values)})))


def bad_limits(random: Random, whole: Envelope) -> bytes:
    """For a task of the fleet's own: Celery would stumble when a child is free to run it."""
    whole.task, whole.kwargs = "snapshots.notice", {}
    limits: Values = ("soon", 7, ["a", "b"], {"a": 1}, [None], [1, 2, 3], [-1, None], [0, 0])
    return encoded(whole.document(headers=whole.headers(timelimit=chosen(random, limits))))


def bad_embed(random: Random, whole: Envelope) -> bytes:
    """What should come after a command, and cannot; the command itself is a good one."""
    no_signature: Values = (7, "text", [7], [None], ["Ring"], [{}], [{"task": 7}], [[]], {})
    no_signature += ([{"task": "\x00"}], [{"task": "Ring", "kwargs": 7}], {"task": "nobody's"})
    name = random.choice(("callbacks", "errbacks", "chain", "chord", "stranger"))
    whole.embed = {name: chosen(random, no_signature)}
    return encoded(whole.document())


def bad_fields(random: Random, whole: Envelope) -> bytes:
    whole.kwargs = random.choice(
        (
            {}, {"toy_id": 7, "note": 1}, {"toy_id": "toy"}, {"toy_id": "\x00", "note": 1},
            {"toy_id": "\ud800", "note": 1}, {"toy_id": "toy", "note": float("inf")},
            {"toy_id": "toy", "note": float("nan")}, {"toy_id": "x" * 10**6, "note": 1},
            {"toy_id": "toy", "note": 1, "\x00": 1}, {"toy_id": "toy", "note": 1, "\ud800": 1},
            {"toy_id": "toy", "note": 1, "self": 1}, {"self": 1}, {"cls": 1}, {"parent_result": 1},
            {"toy_id": "toy", "note": 2**63}, {"toy_id": "", "note": 1}, {"": 1}, {"args": []},
            {"toy_id": {"__type__": "bytes", "__value__": "00"}, "note": 1},
            {"toy_id": {"__type__": "uuid", "__value__": {"hex": whole.id}}, "note": 1},
        )
    )  # fmt: skip
    if random.random() < 0.2:
        whole.kwargs, whole.args = {}, random.choice(([7], ["toy", 1], [None], [[]], [{}]))
    if whole.kwargs == {} and not whole.args:
        whole.args = ["toy", 1]  # a message without fields is a bare wake-up
    return encoded(whole.document())


def odd_id(random: Random, whole: Envelope) -> bytes:
    """A good command; its id is no UUID, and is one's own all the same."""
    forms = ("\x00{}", "\ud800{}", "{}\x1b[2J", "no. {}", "x" * 9999 + "{}", "\u202e{}", "{}'--")
    whole.id = random.choice(forms).format(whole.id)
    return encoded(whole.document())


def first_protocol(random: Random, whole: Envelope) -> bytes:
    """As Celery 3 wrote it: everything in the body; good ones among them."""
    args, kwargs, _ = whole.body()
    body = {"task": "Ring", "id": whole.id, "args": args, "kwargs": kwargs}
    good = {**body, "retries": 0, "eta": None, "expires": None, "utc": True}
    spoilt: Any = random.choice(
        (
            good, good, good, {**good, "task": None}, {**good, "task": "nobody's"},
            {**good, "task": ["Ring"]}, {**good, "kwargs": []}, {**good, "kwargs": None},
            {**good, "args": None}, {**good, "args": 7}, {**good, "id": None}, {**good, "id": []},
            {"task": "Ring"}, {"task": "Ring", "id": whole.id}, {"id": whole.id}, [good],
            {**good, "eta": "yesterday"}, {**good, "kwargs": {"toy_id": 7}},
        )
    )  # fmt: skip
    return encoded(whole.document(body=packed(json.dumps(spoilt)), headers={}))


KINDS: tuple[Callable[[Random, Envelope], bytes], ...] = (
    *(no_json, no_message, bad_properties, bad_body, bad_content, bad_compression, bad_task),
    *(bad_id, bad_headers, bad_limits, bad_embed, bad_fields, odd_id, first_protocol),
)


def hostile_messages(random: Random) -> Iterator[Letter]:
    """Yield list items without end; each whole one of them brings an id of its own."""
    for number in count():
        kind = random.choice(KINDS)
        whole = Envelope(number, str(UUID(int=random.getrandbits(128), version=4)))
        wire = kind(random, whole)
        yield Letter(kind.__name__, wire, whole.id)
