"""The logs of the fleet's processes: written by them, read along by us."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

LIMIT = 16 * 1024 * 1024
LAST_WORDS = 12
# As our two formats write it: `2026-02-28T09:30:00Z [warning  ]`, or a key of a JSON object.
LEVEL = re.compile(r'^\S+Z \[(\w+)\s*\]|"level": ?"(\w+)"')
TIME = re.compile(r"^\S+Z (?=\[)")
TASK = re.compile(r" task(_id)?=\S+")
QUIET = frozenset({"debug", "info"})


def level(line: str) -> str | None:
    """Return a line's level, None for one without: it belongs to the line before."""
    found = LEVEL.search(line)
    return (found.group(1) or found.group(2)).lower() if found else None


def brief(line: str) -> str:
    """Return a line without what a person looking on knows: when it was, and in which task."""
    return " ".join(TASK.sub("", TIME.sub("", line)).split())


class LogTail:
    """What a process adds to its log: every line, or those that are warnings and worse."""

    def __init__(self, path: Path, *, everything: bool) -> None:
        self._path = path
        self._file = path.open("rb")
        self._file.seek(0, os.SEEK_END)
        self._everything = everything
        self._loud = everything
        self._rest = b""
        self._unsaid: list[str] = []

    def lines(self) -> Iterator[str]:
        """Yield the new lines that are to be shown."""
        *whole, self._rest = (self._rest + self._file.read()).split(b"\n")
        for raw in whole:
            line = raw.decode(errors="replace").rstrip()
            found = level(line)
            if found is not None:
                self._loud = self._everything or found not in QUIET
                self._unsaid.clear()
            if self._loud:
                yield line
            elif found is None and line:
                self._unsaid.append(line)
        if self._file.tell() > LIMIT:
            self._set_aside()

    def last_words(self) -> Iterator[str]:
        """Yield what is left to show of a process that has ended, its traceback above all."""
        yield from self.lines()
        yield from self._unsaid[-LAST_WORDS:]
        self.close()

    def close(self) -> None:
        self._file.close()

    def _set_aside(self) -> None:
        """Keep one long log beside the new one; its writer appends, so it goes on at the start."""
        shutil.copyfile(self._path, self._path.with_suffix(".log.old"))
        os.truncate(self._path, 0)
        self._file.seek(0)
