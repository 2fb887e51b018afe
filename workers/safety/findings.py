"""What was found, and what is made of it: an error, or a warning because somebody allowed it."""

from collections.abc import Iterable
from dataclasses import dataclass

from workers.hazards import Hazard
from workers.settings import current_settings, variable


@dataclass(frozen=True)
class Finding:
    """
    A sentence for a person: what was found, what may happen, what to do.

    `hazard` is the name that allows it. Without one it is a warning, or, if `fatal`, nothing that
    anybody could allow.
    """

    sentence: str
    hazard: Hazard | None = None
    fatal: bool = False


@dataclass(frozen=True)
class Verdict:
    """What keeps the fleet from starting, and what is only to be said; sentences both."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def judge(findings: Iterable[Finding]) -> Verdict:
    """Separate what must not be from what is only slower, unknown, or allowed by name."""
    allow, allowed = variable("allow_unsafe"), current_settings().allow_unsafe
    errors, warnings = [], []
    for finding in findings:
        if finding.fatal:
            errors.append(finding.sentence)
        elif finding.hazard is None:
            warnings.append(finding.sentence)
        elif finding.hazard in allowed:
            warnings.append(f"{finding.sentence} ({allow} allows it: {finding.hazard})")
        else:
            errors.append(f"{finding.sentence}; to accept that: {allow}={finding.hazard}")
    return Verdict(tuple(errors), tuple(warnings))
