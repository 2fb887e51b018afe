"""What is said of a delivery that failed: for people to read, and of nobody's data."""

from dataclasses import dataclass

LONGEST = 300


@dataclass(eq=False)
class DeliveryFailedError(Exception):
    """The receiver has not taken it, this time."""

    reason: str

    def __str__(self) -> str:
        return self.reason


def readable(text: object) -> str:
    """Return what a server said as one short line: it may hold anything, for a terminal too."""
    line = " ".join(str(text).split())
    return "".join(c if c.isprintable() else "?" for c in line)[:LONGEST]
