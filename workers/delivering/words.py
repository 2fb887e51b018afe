"""What a server says, before it is shown to people."""

LONGEST = 300


def readable(text: object) -> str:
    """Return what a server said as one short line: it may hold anything, for a terminal too."""
    line = " ".join(str(text).split())
    return "".join(c if c.isprintable() else "?" for c in line)[:LONGEST]
