"""Events in a file: one CloudEvent a line, gathered into chunks that one transaction can take."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from store.arriving import Arrival, arrival
from store.errors import UnstorableError
from workers.console.faults import Faults
from workers.console.lines import LONGEST_LINE, UNREADABLE, BadLineError, complaint

CHUNK = 1000
CHUNK_BYTES = 4 * 1024 * 1024  # a transaction has five seconds
DECODER = msgspec.json.Decoder(dict[str, Any])


class Reading(NamedTuple):
    """How the command line wants lines to be read."""

    aggregate_type: str | None = None
    unreadable_too: bool = False


def event_of(number: int, text: bytes, reading: Reading) -> Arrival:
    """Return the event of a line; raises BadLineError naming the attribute."""
    if len(text) > LONGEST_LINE:
        raise BadLineError(number, f"takes {len(text):,} bytes, more than {LONGEST_LINE:,}")
    try:
        return arrival(
            number,
            DECODER.decode(text),
            reading.aggregate_type,
            unreadable_too=reading.unreadable_too,
        )
    except UNREADABLE as error:
        raise BadLineError(number, complaint(error, text)) from None
    except UnstorableError as error:
        raise BadLineError(number, f"{error.where}: {error.rule}") from None


def chunks(
    lines: Iterator[tuple[int, bytes]], reading: Reading, faults: Faults
) -> Iterator[list[Arrival]]:
    """Yield the events of a file; those before a line that stops us are among them."""
    chunk: list[Arrival] = []
    size = 0
    while faults.stop is None:
        try:
            number, text = next(lines)
            chunk.append(event_of(number, text, reading))
            size += len(text)
        except StopIteration:
            break
        except BadLineError as error:
            faults.note(error)
        if len(chunk) == CHUNK or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
