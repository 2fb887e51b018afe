"""How a person wants a submission to go; apart, because `--help` needs no more than this."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The options of `fleetlog submit` that are about the way, not about the commands."""

    wait: bool
    wait_for: tuple[str, ...]
    timeout: float | None
    skip_bad: bool
    as_json: bool

    @property
    def waits(self) -> bool:
        """Whether the outcomes are waited for: what a read model is to show must be done first."""
        return self.wait or bool(self.wait_for)
