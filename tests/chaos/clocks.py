"""Clocks that tests set: what a process of Python takes for the time of day."""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

SHIFTED = Path(__file__).with_name("shifted")
HOUR = 3600.0


@dataclass(frozen=True)
class Clock:
    """The clock of all processes that are started with its environment, right until it jumps."""

    file: Path

    def __post_init__(self) -> None:
        self.file.write_bytes(struct.pack("d", 0.0))

    @property
    def environment(self) -> dict[str, str]:
        path = [str(SHIFTED), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {"PYTHONPATH": os.pathsep.join(path), "SHIFTED_CLOCK": str(self.file)}

    def set_to(self, hours: float) -> None:
        """Let it be wrong by so many hours, for everybody at once."""
        with self.file.open("r+b") as file:
            file.write(struct.pack("d", hours * HOUR))
