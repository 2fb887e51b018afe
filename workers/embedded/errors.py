"""What can go wrong with a server of our own."""

import os
from dataclasses import dataclass
from pathlib import Path

SHOWN_LINES = 12


@dataclass(eq=False)
class EmbeddedServerError(Exception):
    """An embedded server could not be started or stopped; the sentence says where to look."""

    server: str
    problem: str
    log: Path | None = None

    def __post_init__(self) -> None:
        self.last_lines = last_lines(self.log) if self.log else []

    def __str__(self) -> str:
        sentence = f"{self.server} {self.problem}"
        if self.log is None:
            return sentence
        if not self.last_lines:
            return f"{sentence}; its log {self.log} is empty"
        return "\n  ".join([f"{sentence}; its log {self.log} ends with", *self.last_lines])


def last_lines(log: Path) -> list[str]:
    """Return the end of the log, as far as it can be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 8192))
            return file.read().decode(errors="replace").splitlines()[-SHOWN_LINES:]
    except OSError:
        return []
