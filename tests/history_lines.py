"""CloudEvents for tests, and the files that hold them."""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

from store.arriving import Arrival, arrival

Envelope = dict[str, Any]
SOURCE = "urn:log:desk"
_numbers = count(1)


def cloud_event(subject: str = "case 1", **more: Any) -> Envelope:
    """Return an event that no other test has; `more` says what is different about it."""
    number = next(_numbers)
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": SOURCE,
        "type": "TicketMoved",
        "subject": subject,
        "time": f"2010-01-13T08:40:{number % 60:02}.{number:06}Z",
        "datacontenttype": "application/json",
        "data": {"number": number},
        "actor": "Value 2",
        **more,
    }


def history(events: int, streams: int, prefix: str = "case") -> list[Envelope]:
    """Return a log whose streams take turns."""
    return [cloud_event(f"{prefix} {number % streams}") for number in range(events)]


def arrivals(envelopes: Iterable[Mapping[str, Any]], first: int = 1) -> list[Arrival]:
    return [arrival(number, one) for number, one in enumerate(envelopes, start=first)]


def as_bytes(lines: Iterable[Mapping[str, Any] | str]) -> bytes:
    return "".join(
        f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines
    ).encode()


def written(path: Path, lines: Iterable[Mapping[str, Any] | str]) -> str:
    """Write a file, packed if its name says so; returns its name."""
    data = as_bytes(lines)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return str(path)


def read(path: Path) -> list[Envelope]:
    data = path.read_bytes()
    return list(parsed(gzip.decompress(data) if path.suffix == ".gz" else data))


def parsed(data: bytes | str) -> Iterator[Envelope]:
    return (json.loads(line) for line in data.splitlines())
