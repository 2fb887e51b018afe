"""Malformed messages: what was left in the broker, and where each of them must be found again."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

import msgspec

from store.storable import CONTROL
from tests.chaos.evidence import Evidence
from workers.results import command_id_of

# As long as a message may lie unanswered where all that is killed is killed around it: after
# that, a broker that loses what it has is no excuse any more.
EXCUSED_SECONDS = 90.0
NANOSECONDS = 1e9
ROWS = """
select command_id, status, error ->> 'message' from fleetlog.commands
"""
DEAD = "select message from fleetlog.dead_letters"


class Sent(msgspec.Struct, frozen=True):
    """A malformed command as a good message; `place` is the field that its refusal must name."""

    task_id: str
    place: str
    at_ns: int
    is_legal: bool = False


class Pushed(msgspec.Struct, frozen=True):
    """A list item, by its digest; it may have an id of its own, and then it may have a row."""

    task_id: str
    digest: str
    at_ns: int


class Poured(msgspec.Struct):
    """All that was poured in so far; `found` are answers that nobody should have got."""

    poured: int = 0
    doors: dict[str, int] = {}
    legal: int = 0
    found: list[str] = []
    sent: list[Sent] = []
    pushed: list[Pushed] = []


class Judged(msgspec.Struct):
    """What became of it all."""

    found: list[str] = []
    lost: int = 0
    """Messages that were in a broker when it lost all it had."""
    gone: list[str] = []
    """Messages that are nowhere although their broker lost nothing."""


class Breaks(msgspec.Struct, frozen=True):
    """What may have cost messages: a broker's losses from when to when, and taken ones."""

    losses: Sequence[tuple[int, int]] = ()
    on_the_way: int = 0
    """
    How many messages may be gone between broker and worker: each worker asks for one at a time,
    and what the broker has handed out and nobody has noted yet goes down with wire or worker.
    """


def judge(evidence: Evidence, poured: Poured, breaks: Breaks) -> Judged:
    """Look for each message: a refusal by its field, a row, a dead letter, or a broker's loss."""
    rows = {id: (status, message) for id, status, message in evidence.rows(ROWS)}
    judged = Judged(found=list(poured.found))
    for sent in poured.sent:
        answer = rows.get(command_id_of(sent.task_id))
        if answer is None:
            excuse(judged, f"the malformed command {sent.task_id}", [sent.at_ns], breaks)
        elif fault := misjudged(sent, *answer):
            judged.found.append(f"the malformed command {sent.task_id} {fault}")
    dead = Counter(digest(bytes(message)) for (message,) in evidence.rows(DEAD))
    for text, group in by_digest(poured.pushed).items():
        without_row = [one for one in group if command_id_of(one.task_id) not in rows]
        missing = len(without_row) - dead[text]
        if missing > 0:
            times = [one.at_ns for one in without_row]
            excuse(judged, f"the message {without_row[0].task_id!a}", times, breaks, missing)
    if len(judged.gone) > breaks.on_the_way:
        judged.found += [f"{name} is neither answered nor set aside" for name in judged.gone]
    return judged


def misjudged(sent: Sent, status: str, message: str | None) -> str:
    """Return what is wrong with the answer, if anything is."""
    if sent.is_legal:
        return "" if status in ("done", "rejected") else f"is legal, and {status}"
    if status != "rejected":
        return f"is {status}"
    if sent.place not in (message or "") or CONTROL.search(message or ""):
        return f"was refused without naming {sent.place}: {message!r:.200}"
    return ""


def excuse(judged: Judged, name: str, times: list[int], breaks: Breaks, missing: int = 1) -> None:
    """Count what a broker may have lost, and what it cannot have lost."""
    excused = min(missing, sum(may_be_lost(at_ns, breaks) for at_ns in times))
    judged.lost += excused
    judged.gone += [name] * (missing - excused)


def may_be_lost(at_ns: int, breaks: Breaks) -> bool:
    until = at_ns + EXCUSED_SECONDS * NANOSECONDS
    return any(ended >= at_ns and began <= until for began, ended in breaks.losses)


def by_digest(pushed: Iterable[Pushed]) -> dict[str, list[Pushed]]:
    found: dict[str, list[Pushed]] = {}
    for one in pushed:
        found.setdefault(one.digest, []).append(one)
    return found


def digest(wire: bytes) -> str:
    """Return what is the same for the same message, however often it was delivered."""
    return sha256(canonical(wire).encode("utf-8", "surrogatepass")).hexdigest()


def canonical(wire: bytes) -> str:
    """Its JSON may be spaced in another way, and says twice that it was delivered before."""
    try:
        message = json.loads(wire.decode(errors="replace"))
    except (ValueError, RecursionError):
        return repr(wire)
    for part in marked(message):
        part.pop("redelivered", None)
    return json.dumps(message, sort_keys=True)


def marked(message: object) -> Iterator[dict[str, object]]:
    """Yield where a broker's client notes that it has taken a message back."""
    if isinstance(message, dict):
        properties = message.get("properties")
        info = properties.get("delivery_info") if isinstance(properties, dict) else None
        yield from (part for part in (message.get("headers"), info) if isinstance(part, dict))
