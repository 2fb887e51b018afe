"""What a run was, did and found, for people and for a table."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.stage import LEASE_SECONDS, VISIBILITY_SECONDS, Deed
from tests.chaos.strikes import Strike

TIMEOUTS = (Strike.LOCK, Strike.STATEMENT, Strike.TRANSACTION, Strike.IDLE)
LENGTHS = {"ten": "ten minutes"}
UNKNOWN = "unknown and asked for again"
ENDS = ("done", "refused", "parked", UNKNOWN)


@dataclass
class Report:
    """`findings` are about the fleet; `trouble` is about the run, which then proves nothing."""

    goals: str
    seed: int
    seconds: float = 0.0
    tally: Counter[str] = field(default_factory=Counter)
    bitten: Counter[str] = field(default_factory=Counter)
    """How often each fault had its effect."""
    strikes: Counter[str] = field(default_factory=Counter)
    """What PostgreSQL's log says of its limits."""
    ends: dict[str, int] = field(default_factory=dict)
    """What became of the commands."""
    restarts: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.findings or self.trouble or self.missed)

    @property
    def head(self) -> str:
        return (
            f"seed {self.seed}, goals {self.goals}, visibility timeout {VISIBILITY_SECONDS} s, "
            f"lock lease {LEASE_SECONDS} s"
        )

    def as_dict(self) -> dict[str, Any]:
        return {**vars(self), "visibility_timeout": VISIBILITY_SECONDS}

    @property
    def row(self) -> str:
        """Return the run's row for the table in docs/chaos.md."""
        tally, ends, strikes = self.tally, self.ends, self.strikes
        cells: list[object] = [
            LENGTHS.get(self.goals, self.goals),
            self.seed,
            f"{self.seconds:.0f}",
        ]
        cells.append(f"{tally[Deed.COMMAND]:,}")
        cells.append(joined(ends.get(name, 0) for name in ENDS))
        cells.append(tally[Deed.KILL])
        cells.append(f"{tally[Deed.LEASE]} / {tally[Deed.VISIBILITY]} / {frozen_within(tally)}")
        cells.append(joined(tally[deed] for deed in (Deed.BEFORE, Deed.AFTER)))
        cells += [tally[Deed.PARTITION], tally[Deed.POSTMASTER]]
        cells.append(joined(tally[deed] for deed in (Deed.BROKER_LOSS, Deed.BROKER_RESTART)))
        cells.append(joined(strikes[strike] for strike in TIMEOUTS))
        cells.append(joined(tally[deed] for deed in (Deed.REBUILD, Deed.ROLLBACK, Deed.GIVEN_UP)))
        cells += [f"{tally[Deed.MALFORMED]:,}", len(self.findings) or "nothing"]
        return f"| {' | '.join(map(str, cells))} |"

    def __str__(self) -> str:
        lines = [f"{self.head}, {self.seconds:.0f} s"]
        lines += [f"  {count:6} {deed}" for deed, count in sorted(self.tally.items())]
        lines += [f"  {count:6} restarts of a {kind}" for kind, count in self.restarts.items()]
        for name in ("bitten", "strikes", "ends"):
            if said := told(getattr(self, name)):
                lines.append(f"  {name}: {said}")
        lines += [f"  goal missed: {goal}" for goal in self.missed]
        lines += [f"  trouble with the run: {line}" for line in self.trouble]
        lines += [f"  FOUND: {line}" for line in self.findings] or ["  found nothing"]
        lines += rates(self.tally[Deed.COMMAND], len(self.findings))
        lines.append(f"  row for docs/chaos.md: {self.row}")
        return "\n".join(lines)


def joined(counts: Iterable[int]) -> str:
    return " / ".join(f"{count:,}" for count in counts)


def frozen_within(tally: Counter[str]) -> int:
    return tally[Deed.IDLE] + tally[Deed.TRANSACTION]


def told(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def rates(commands: int, found: int) -> list[str]:
    """Say what no finding in so many commands proves: never "never"."""
    if not commands or found:
        return []
    least = f"  0 of {commands} {Deed.COMMAND}: below {bound(commands):.2g} a command, with 95 %"
    return [least]


def bound(trials: int) -> float:
    """Return the upper end of the exact 95 % interval of a rate that was 0 in so many trials."""
    return 1.0 - math.pow(0.05, 1 / trials)
