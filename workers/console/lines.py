"""Commands in a file: one JSON object a line, gzip or plain, or from standard input."""

import gzip
import json
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, cast
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from domain.errors import DomainError
from store.codec import Metadata
from store.command_codec import make_command
from store.errors import StoreError, UnstorableError
from store.inbox import Submission
from store.storable import CONTROL, MAX_BYTES, check_value, spelt_out

GZIP = b"\x1f\x8b"
PLACE = re.compile(r" - at `\$\.?(\S*)`")
STANDARD_INPUT = "-"
# The largest command there may be, with every character of it written as an escape.
LONGEST_LINE = 8 * MAX_BYTES


class Line(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One line; `time` is when it happened, elsewhere and before."""

    command: str
    data: dict[str, Any]
    command_id: UUID | None = None
    time: str | None = None
    actor: str | None = None
    reason: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None


DECODER = msgspec.json.Decoder(Line)
# What a decoder says of JSON that cannot be, of bytes that are no text, and of endless nesting.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass
class BadLineError(Exception):
    """A line that is no command; nothing of it was accepted."""

    number: int
    problem: str

    def __str__(self) -> str:
        return f"line {self.number}: {self.problem}"


@dataclass(frozen=True)
class Envelope:
    """What the command line says about every command that does not say it itself."""

    actor: str
    reason: str | None = None
    correlation_id: str | None = None


class Source:
    """An open file of lines; `position` says how far into it we are."""

    def __init__(self, raw: BinaryIO, size: int | None) -> None:
        self._raw = raw
        self.size = size
        buffered = BufferedReader(cast("Any", raw))
        packed = buffered.peek(2)[:2] == GZIP
        self._lines: Any = gzip.GzipFile(fileobj=buffered) if packed else buffered
        self.number = 0

    @property
    def position(self) -> int:
        """Return how many bytes of the file were read; only with a known size."""
        return self._raw.tell()

    def estimate(self, done: int) -> int | None:
        """Guess how many there are in all from how far into the file we are."""
        position = self.position if self.size else 0
        return int(done * self.size / position) if self.size and position else None

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Yield the lines that hold something, with their numbers; BadLineError ends a bad file."""
        try:
            for line in self._lines:
                self.number += 1
                if text := line.strip():
                    yield self.number, text
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise BadLineError(self.number + 1, f"the file is damaged here: {error}") from error


@contextmanager
def opened(path: str) -> Iterator[Source]:
    """Open a file of commands; raises OSError."""
    if path == STANDARD_INPUT:
        yield Source(cast("BinaryIO", sys.stdin.buffer), None)
        return
    with Path(path).open("rb", buffering=0) as raw:
        yield Source(cast("BinaryIO", raw), Path(path).stat().st_size)


def submission(number: int, text: bytes, envelope: Envelope) -> Submission:
    """Return the command of a line; raises BadLineError naming the field."""
    if len(text) > LONGEST_LINE:
        raise BadLineError(number, f"takes {len(text):,} bytes, more than {LONGEST_LINE:,}")
    try:
        line = DECODER.decode(text)
        require_time(number, line.time)
        command = make_command(line.command, line.data)
    except UNREADABLE as error:
        raise BadLineError(number, complaint(error, text)) from None
    except (DomainError, StoreError) as error:
        raise BadLineError(number, str(error)) from None
    metadata = Metadata(
        actor=line.actor or envelope.actor,
        reason=line.reason or envelope.reason,
        correlation_id=line.correlation_id or envelope.correlation_id,
        causation_id=line.causation_id,
        occurred_at=line.time,
    )
    return Submission(command_id=line.command_id or id_of(text), command=command, metadata=metadata)


def require_time(number: int, text: str | None) -> None:
    """Raise BadLineError unless the text is a moment, or there is none; it is kept as it came."""
    if text is not None:
        try:
            datetime.fromisoformat(text)
        except ValueError:
            raise BadLineError(number, "time: must be like 2026-02-28T09:30:00Z") from None


def id_of(text: bytes) -> UUID:
    """
    Return the id of a line that brings none: the same for the same text, so that a second run
    repeats. Two equal lines are one command; who means two gives them ids.
    """
    return uuid5(NAMESPACE_URL, f"fleetlog-line:{text.decode(errors='replace')}")


def complaint(error: Exception, text: bytes) -> str:
    """Turn the decoder's words into ours: they quote types and places, never a value."""
    found = unstorable(text)
    if isinstance(error, UnicodeDecodeError):
        said, where = "is not UTF-8", found.where if found else ""
    elif found is not None:  # the decoder does not always say where
        said, where = str(found), ""
    elif isinstance(error, RecursionError):
        said, where = "is nested too deeply", ""
    else:
        place = PLACE.search(str(error))
        said = PLACE.sub("", str(error)).replace("`", "").replace("Object", "it")
        where = place.group(1) if place else ""
    return CONTROL.sub(spelt_out, f"{where}: {said}" if where else said)


def unstorable(text: bytes) -> UnstorableError | None:
    """Return why the first field that cannot be kept cannot be, if it is that what is wrong."""
    try:
        line = json.loads(text.decode(errors="surrogateescape"), parse_int=beginning)
        check_value(line["data"], "data")
    except UnstorableError as error:
        return error
    except (ValueError, RecursionError, TypeError, LookupError):
        return None
    return None


def beginning(digits: str) -> int:
    """Return enough of a number to see that it is too large: Python reads no 4,301 digits."""
    return int(digits[:25])
