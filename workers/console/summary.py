"""What became of a file of commands."""

from rich.text import Text

from workers.console.output import counted, say, show, show_json, span
from workers.console.settling import Settling

FAILED = ("rejected", "parked", "cancelled")
GAP = "   "


def tell(settling: Settling, faults: int, seconds: float, *, waited: bool, as_json: bool) -> bool:
    """Print the summary; returns whether everything went as it was asked."""
    failed = sum(settling.outcomes[status] for status in FAILED)
    if as_json:
        show_json(document(settling, faults, seconds, waited=waited))
    else:
        show(counts(settling, faults, waited=waited))
        show(speed(settling) if waited else f"accepted in {span(seconds)}")
        if failed:
            say("why: fleetlog commands", style="dim")
        elif not waited and settling.new:
            say("how they fare: fleetlog status", style="dim")
    return faults == 0 and failed == 0


def document(settling: Settling, faults: int, seconds: float, *, waited: bool) -> dict[str, object]:
    """Return the summary for a program; outcomes and times are there only if waited for."""
    found: dict[str, object] = {
        "commands": settling.new + settling.repeats,
        "new": settling.new,
        "repeats": settling.repeats,
        "bad_lines": faults,
        "seconds": round(seconds, 3),
    }
    if waited:
        found |= {status: settling.outcomes[status] for status in ("done", *FAILED)}
        found |= {
            "per_second": settling.per_second and round(settling.per_second, 1),
            "p50_seconds": settling.percentile(0.50),
            "p99_seconds": settling.percentile(0.99),
        }
    return found


def counts(settling: Settling, faults: int, *, waited: bool) -> Text:
    """Return the numbers on one line; what went wrong stands out."""
    parts: list[str | tuple[str, str]] = [
        (counted(settling.new + settling.repeats, "command"), "bold")
    ]
    if waited:
        parts += [GAP, (f"{settling.outcomes['done']:,} done", "green")]
        for status in FAILED:
            number = settling.outcomes[status]
            parts += [GAP, (f"{number:,} {status}", "red" if number else "dim")]
    parts += [GAP, counted(settling.repeats, "repeat")]
    if faults:
        parts += [GAP, (counted(faults, "bad line"), "yellow")]
    return Text.assemble(*parts)


def speed(settling: Settling) -> str:
    """Say how fast the new ones were, by the database's clock."""
    p50, p99 = settling.percentile(0.50), settling.percentile(0.99)
    if settling.seconds is None or p50 is None or p99 is None:
        return "nothing was new: every command had its outcome before"
    rate = f", {settling.per_second:,.0f} a second" if settling.per_second else ""
    return (
        f"{span(settling.seconds)}{rate}; from submission to outcome "
        f"p50 {span(p50)}, p99 {span(p99)}"
    )
