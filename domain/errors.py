"""Refusals: what the business says no to. Catch `DomainError` to catch them all."""

from dataclasses import dataclass


class DomainError(Exception):
    """A rule of the business was about to be broken; an answer, not a failure."""


@dataclass(eq=False)
class InvalidFieldError(DomainError):
    """
    A command carries a value that can never be right.

    The value itself is left out: it may be somebody's data, and this sentence
    travels into logs and dashboards.
    """

    command: str
    field: str
    rule: str

    def __str__(self) -> str:
        return f"{self.command}.{self.field} {self.rule}"
