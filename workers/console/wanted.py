"""How a person wants a submission to go; apart, because `--help` needs no more than this."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The options of `fleetlog submit` that are about the way, not about the commands."""

    wait: bool
    timeout: float | None
    skip_bad: bool
    as_json: bool
