"""The screens of `fleetlog dead-letters`: messages that no worker could take."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import click

from store.dead_letters import DeadLetter
from workers.app import QUEUES
from workers.console.endings import Failure
from workers.console.output import add, counted, say, show, show_json, table
from workers.dead_letters import collect
from workers.fleet import fleet

AT_ONCE = 100


def tell_letters(limit: int, *, as_json: bool) -> None:
    """Print the longest waiting, without what they say."""
    collect()
    total, found = fleet.dead_letters.count(), fleet.dead_letters.listed(limit)
    if as_json:
        show_json({"count": total, "dead_letters": [document(letter) for letter in found]})
        return
    show(f"{counted(total, 'message')} set aside" if total else "nothing was set aside")
    if not found:
        return
    made = table("set aside", "queue", "task", "bytes", "letter id", "why", right=("bytes",))
    for letter in found:
        size = f"{len(letter.message):,}"
        cells = (letter.set_aside_at, letter.queue, letter.task_name, size, letter.letter_id)
        add(made, *cells, f"it {letter.reason}")
    show("", made)
    if total > len(found):
        say(f"the first {limit}; more with --limit", style="dim")


def tell_letter(letter_id: UUID, *, raw: bool, as_json: bool) -> None:
    """Print what is known of one, or with `raw` the message itself, byte by byte."""
    collect()
    letter = fleet.dead_letters.find(letter_id)
    if letter is None:
        raise missing([letter_id])
    if raw:
        click.echo(letter.message, nl=False)
    elif as_json:
        show_json(document(letter))
    else:
        made = table("", "")
        made.show_header = False
        for name, value in document(letter).items():
            add(made, name.replace("_", " "), value)
        show(made)
        say("the message itself, which may hold personal data: --raw", style="dim")


def redeliver(letter_ids: Sequence[UUID] | None, *, as_json: bool) -> None:
    """Put these, or all, back into their queues; a worker that knows them now takes them."""
    number = 0
    for portion in portions(wanted(letter_ids)):
        with fleet.dead_letters.taken(portion) as found:
            lost = {one.queue for one in found} - set(QUEUES)
            if lost:
                raise Failure(f"no worker takes anything from the queue {min(lost)!r}")
            with fleet.redis.pipeline() as pipe:
                for one in found:
                    pipe.lpush(one.queue, one.message)
                pipe.execute()
        number += len(found)
    tell("redelivered", number, letter_ids, as_json=as_json)


def discard(letter_ids: Sequence[UUID] | None, *, as_json: bool) -> None:
    """Throw these, or all, away."""
    number = 0
    for portion in portions(wanted(letter_ids)):
        with fleet.dead_letters.taken(portion) as found:
            number += len(found)
    tell("discarded", number, letter_ids, as_json=as_json)


def portions(letter_ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    """A transaction for so many: a writer's must not take long."""
    for start in range(0, len(letter_ids), AT_ONCE):
        yield letter_ids[start : start + AT_ONCE]


def wanted(letter_ids: Sequence[UUID] | None) -> list[UUID]:
    """Return those that were named, or all; raises Failure when one is not there."""
    collect()
    if letter_ids is None:
        return fleet.dead_letters.ids()
    absent = [id for id in letter_ids if fleet.dead_letters.find(id) is None]
    if absent:
        raise missing(absent)
    return list(letter_ids)


def tell(done: str, number: int, letter_ids: Sequence[UUID] | None, *, as_json: bool) -> None:
    if as_json:
        show_json({done: number})
    elif number or letter_ids:
        show(f"{counted(number, 'message')} {done}")
    else:
        show("nothing was set aside")


def missing(letter_ids: Sequence[UUID]) -> Failure:
    return Failure(f"{letter_ids[0]} is not among the dead letters; see: fleetlog dead-letters")


def document(letter: DeadLetter) -> dict[str, Any]:
    """Return a letter for a program, without what it says."""
    return {
        "letter_id": letter.letter_id,
        "set_aside_at": letter.set_aside_at,
        "queue": letter.queue,
        "task_name": letter.task_name,
        "bytes": len(letter.message),
        "reason": f"it {letter.reason}",
    }
