"""What a run was, did and found, for people and for a table."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.stage import LEASE_SECONDS, VISIBILITY_SECONDS, Deed


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
        return "\n".join(lines)


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
