"""Subscriptions: who outside is told of which events, from where on, and by which channel."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["http", "stream", "amqp", "mail"]
KINDS: tuple[Kind, ...] = ("http", "stream", "amqp", "mail")
Status: TypeAlias = Literal["active", "paused"]


@dataclass(frozen=True)
class Subscription:
    """
    One receiver outside; `endpoint` and `options` mean what its kind of channel says.

    Neither holds a secret: secrets lie in a table that readers cannot see.
    """

    name: str
    kind: Kind
    endpoint: str
    options: dict[str, Any] = field(default_factory=dict)
    event_types: frozenset[str] = frozenset()
    """Only these; empty: all."""
    aggregate_types: frozenset[str] = frozenset()
    """Only events of these; empty: all."""
    status: Status = "active"
    start_position: int = 0
    """Only events behind this position are sent."""
    created_at: datetime | None = None


@dataclass(frozen=True)
class Secrets:
    """What a channel signs or logs in with, the newest first; never shown, not even by accident."""

    values: tuple[str, ...] = field(default=(), repr=False)

    @property
    def newest(self) -> str | None:
        return self.values[0] if self.values else None


@dataclass(eq=False)
class InvalidSubscriptionError(ValueError):
    """A field of a subscription that cannot be right; nothing was stored."""

    field: str
    rule: str

    def __str__(self) -> str:
        return f"{self.field} {self.rule}"
