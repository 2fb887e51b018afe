"""What a client was told is what was stored: done once, refused and not done, accepted and kept."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.chaos.evidence import CommandRow, Evidence, Facts
from tests.chaos.history import KEPT_OUT, TOLD, Entry

BY_MESSAGE = "by_send_task"  # the door that lets in what all others keep out


@dataclass
class Heard:
    """All that was heard of one command, by whichever client."""

    command_type: str
    answers: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    was_accepted: bool = False
    was_kept_out: bool = False
    was_sent: bool = False
    is_unknown: bool = False

    def add(self, entry: Entry) -> None:
        if entry.kind == "ok":
            self.answers.append(entry.answer or {})
        elif entry.kind == "refused" and entry.reason.startswith(KEPT_OUT):
            self.was_kept_out = True
        elif entry.kind == "refused":
            self.refusals.append(entry.reason)
        elif entry.kind == "invoke":
            self.was_sent |= entry.reason == BY_MESSAGE
        elif entry.kind == "unknown":
            self.is_unknown = True
            self.was_accepted |= entry.reason in TOLD

    @property
    def is_promised(self) -> bool:
        """Whether a client was told something about it that must come true."""
        return bool(self.answers or self.refusals) or self.was_accepted

    @property
    def is_open(self) -> bool:
        """Whether nobody heard how it ended, and it may have got in."""
        return not (self.answers or self.refusals) and (self.is_unknown or not self.was_kept_out)

    def may_be(self, status: str) -> bool:
        """Whether one that was kept out may be so: a message gets in, and is refused inside."""
        return self.was_sent and status == "rejected"


def check_answers(evidence: Evidence, facts: Facts) -> Iterator[str]:
    for command_id, heard in all_heard(evidence.entries).items():
        row, events = facts.commands.get(command_id), facts.effects.get(command_id, ())
        for words in contradictions(heard, row, len(events)):
            yield f"{heard.command_type} {command_id} {words}"


def contradictions(heard: Heard, row: CommandRow | None, events: int) -> Iterator[str]:
    status = row.status if row else "lost"
    if heard.answers and heard.refusals:
        yield f"was answered with ok and with a refusal ({heard.refusals[0]})"
    elif heard.answers:
        stored = row.result if row else None
        if status != "done":
            yield f"was ok and is {status}"
        elif any(answer != stored for answer in heard.answers):
            yield f"was answered with {heard.answers} and has the result {stored}"
    elif heard.refusals:
        yield from refuted(heard.refusals, row, events)
    elif heard.was_kept_out and row is not None and not heard.may_be(status):
        yield f"was kept out and is {status}"
    elif heard.was_accepted and row is None:
        yield "was accepted and is lost"


def refuted(refusals: Sequence[str], row: CommandRow | None, events: int) -> Iterator[str]:
    """Yield what speaks against a refusal that was heard."""
    status = row.status if row else "lost"
    if status != "rejected":
        yield f"was refused ({refusals[0]}) and is {status}"
    elif row and any(refusal != row.refusal for refusal in refusals):
        yield f"was refused ({', '.join(refusals)}) and its row says {row.refusal}"
    if events:
        yield f"was refused ({refusals[0]}) and recorded {events} events"


def all_heard(entries: Iterable[Entry]) -> dict[UUID, Heard]:
    found: dict[UUID, Heard] = {}
    for entry in entries:
        heard = found.setdefault(entry.command_id, Heard(entry.command_type))
        heard.add(entry)
    return found
