"""What the clients did and heard, as lines of JSON: written before and after every call."""

import time
from pathlib import Path
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec

Kind: TypeAlias = Literal["invoke", "ok", "refused", "unknown"]

ENDING = ".history.jsonl"
# The client that asks once more what became of all that the others have not heard of.
AGAIN = "again"
# The reason of an "unknown" whose command is written down, although nobody has heard more yet.
ACCEPTED = "accepted"
# What the reason of a "refused" begins with when it was never written down, by our own doing.
KEPT_OUT = "kept out: "
# The reasons of an "unknown" that only a row of the table can have told.
TOLD = frozenset({ACCEPTED, "parked", "cancelled"})


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    One line: what a client was about to do, or what it then knew.

    `at_ns` is the monotonic clock, which all processes of one boot share. An "invoke" carries the
    command's `fields`, an "ok" the `answer` that was heard. "refused" is said only when it is
    certain that nothing was stored.
    """

    at_ns: int
    client: str
    kind: Kind
    command_id: UUID
    command_type: str
    aggregate_id: str
    reason: str = ""
    answer: dict[str, Any] | None = None
    fields: dict[str, Any] | None = None


class Known(msgspec.Struct, frozen=True):
    """Which command an entry is about."""

    command_id: UUID
    command_type: str
    aggregate_id: str
    fields: dict[str, Any] | None = None


class History:
    """One client's file; every line is out of our hands before the client goes on."""

    def __init__(self, path: Path, client: str) -> None:
        self._client = client
        self._file = path.open("ab", buffering=0)

    def note(
        self, kind: Kind, command: Known, reason: str = "", answer: dict[str, Any] | None = None
    ) -> None:
        entry = Entry(
            at_ns=time.monotonic_ns(),
            client=self._client,
            kind=kind,
            command_id=command.command_id,
            command_type=command.command_type,
            aggregate_id=command.aggregate_id,
            reason=reason,
            answer=answer,
            fields=command.fields if kind == "invoke" else None,
        )
        self._file.write(msgspec.json.encode(entry) + b"\n")

    def close(self) -> None:
        self._file.close()


def read(folder: Path) -> list[Entry]:
    """Return what all clients have written, by time; a line that is still being written waits."""
    decoder = msgspec.json.Decoder(Entry)
    entries = [
        decoder.decode(line)
        for path in sorted(folder.glob(f"*{ENDING}"))
        for line in path.read_bytes().splitlines(keepends=True)
        if line.endswith(b"\n")
    ]
    return sorted(entries, key=lambda entry: entry.at_ns)
