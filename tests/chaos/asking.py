"""Asking once more, when all is quiet, what became of every command whose end nobody has heard."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

from celery.exceptions import TimeoutError as NoAnswerError
from celery.result import AsyncResult

from domain.errors import DomainError, InvalidFieldError
from store.command_codec import make_command
from store.inbox import Submission
from tests.chaos.checks.answers import all_heard
from tests.chaos.doors import by_send_task
from tests.chaos.drawn import Drawn
from tests.chaos.history import AGAIN, ENDING, Entry, History, Known, read
from workers.app import app
from workers.errors import CommandNotDoneError
from workers.submitting import submit_many

PATIENCE = 60.0
TIMES = 2


def open_ends(entries: Sequence[Entry]) -> Iterator[tuple[Drawn, bool]]:
    """Yield each command that has no answer, and whether it went out as a bare message."""
    heard = all_heard(entries)
    asked: dict[UUID, Entry] = {}
    for entry in entries:
        if entry.kind == "invoke":
            asked.setdefault(entry.command_id, entry)
    for command_id, one in heard.items():
        if one.is_open and command_id in asked:
            entry = asked[command_id]
            fields = entry.fields or {}
            drawn = Drawn(command_id, entry.command_type, entry.aggregate_id, fields)
            yield drawn, one.was_sent


def submit_again(ends: Sequence[tuple[Drawn, bool]]) -> None:
    """Under their own ids: what has been done is not done again, what was lost is done now."""
    told: list[Submission] = []
    for drawn, was_sent in ends:
        try:
            command = make_command(drawn.command_type, drawn.fields)
        except InvalidFieldError:
            by_send_task([drawn])  # the only door that it gets through
            continue
        if was_sent:
            by_send_task([drawn])
        else:
            told.append(Submission(command_id=drawn.command_id, command=command))
    for _ in submit_many(told):
        pass


def note_answer(history: History, drawn: Drawn) -> None:
    known = Known(drawn.command_id, drawn.command_type, drawn.aggregate_id)
    result: AsyncResult[dict[str, object]] = AsyncResult(str(drawn.command_id), app=app)
    try:
        history.note("ok", known, answer=result.get(timeout=PATIENCE))
    except DomainError as refusal:
        history.note("refused", known, type(refusal).__name__)
    except CommandNotDoneError as error:
        history.note("unknown", known, error.status)
    except NoAnswerError:
        history.note("unknown", known, f"no answer within {PATIENCE:g} s")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.asking", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the histories are")
    folder = parser.parse_args().folder
    ends = list(open_ends(read(folder)))
    history = History(folder / f"{AGAIN}{ENDING}", AGAIN)
    submit_again(ends)
    for drawn, _ in ends * TIMES:
        note_answer(history, drawn)
    history.close()


if __name__ == "__main__":
    main()
