"""What nobody had heard the end of was asked for again, twice, and had the same answer twice."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from tests.chaos.checks.answers import all_heard
from tests.chaos.evidence import Evidence, Facts
from tests.chaos.history import AGAIN, TOLD, Entry


def check_again(evidence: Evidence, facts: Facts) -> Iterator[str]:
    """That the answers are those that are stored is seen to with all other answers."""
    before = [entry for entry in evidence.entries if entry.client != AGAIN]
    told: dict[UUID, list[Entry]] = {}
    for entry in evidence.entries:
        if entry.client == AGAIN:
            told.setdefault(entry.command_id, []).append(entry)
    for command_id, heard in all_heard(before).items():
        if heard.is_open and evidence.was_asked_again:
            name = f"{heard.command_type} {command_id}"
            yield from (f"{name} {words}" for words in faults(told.get(command_id, [])))
            if command_id not in facts.commands:
                yield f"{name} was submitted again and is lost"


def faults(told: Sequence[Entry]) -> Iterator[str]:
    if len(told) < 2:
        yield f"has no known end, and was asked for {len(told)} times more instead of twice"
        return
    for entry in told:
        if entry.kind == "unknown" and entry.reason not in TOLD:
            yield f"was submitted again when all was quiet, and has {entry.reason}"
    answers = [(entry.kind, entry.reason, entry.answer) for entry in told]
    if any(answer != answers[0] for answer in answers):
        yield f"was asked for twice when all was quiet, and answered with {answers}"
