"""What a server says, before it is shown to people."""

import re
from collections.abc import Iterable

LONGEST = 300
HIDDEN = "***"
ADDRESS = re.compile(r"[^\s<>()\[\]\"]+@[^\s<>()\[\]\"]+")


def readable(text: object) -> str:
    """Return what a server said as one short line: it may hold anything, for a terminal too."""
    line = " ".join(str(text).split())
    return "".join(c if c.isprintable() else "?" for c in line)[:LONGEST]


def masked(text: str, private: Iterable[str]) -> str:
    """Return the same without these words, and without anything that looks like an address."""
    for word in sorted(filter(None, private), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", HIDDEN, text, flags=re.IGNORECASE)
    return readable(ADDRESS.sub(HIDDEN, text))
