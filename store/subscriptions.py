"""Subscriptions: who outside is told of which events, from where on, and by which channel."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias, get_args

from store.errors import StoreError, UnstorableError
from store.storable import CONTROL, check_name, check_value

Kind: TypeAlias = Literal["http", "stream", "amqp", "mail"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Status: TypeAlias = Literal["active", "paused"]

# No dot: a signature is made over texts that are joined by one.
NAME = re.compile("[a-z0-9][a-z0-9_-]{0,59}")
PASSWORD = re.compile(r"^[^/]*//[^/?#]*:[^/?#]*@")
LONGEST_ENDPOINT = 2000
# Options that every kind of channel has: what they are by default, and the most they may be.
ATTEMPTS = ("attempts", 20, 1000)
PARALLEL = ("parallel", 4, 16)


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

    @property
    def attempts(self) -> int:
        """How often a delivery is tried before it is parked."""
        return whole_number(self.options, *ATTEMPTS)

    @property
    def parallel(self) -> int:
        """How many deliveries are on their way at once, each of another aggregate."""
        return whole_number(self.options, *PARALLEL)

    @property
    def circuit(self) -> str:
        """What its endpoint is called where failures are counted; others may share it."""
        return f"{self.kind} {self.endpoint}"


@dataclass(frozen=True)
class Secrets:
    """What a channel signs or logs in with, the newest first; never shown, not even by accident."""

    values: tuple[str, ...] = field(default=(), repr=False)

    @property
    def newest(self) -> str | None:
        return self.values[0] if self.values else None


@dataclass(eq=False)
class InvalidSubscriptionError(StoreError, ValueError):
    """A field of a subscription that cannot be right; nothing was stored."""

    field: str
    rule: str

    def __str__(self) -> str:
        return f"{self.field} {self.rule}"


@dataclass(eq=False)
class UnknownSubscriptionError(StoreError):
    """There is none of this name, or no longer."""

    name: str

    def __str__(self) -> str:
        return f"no subscription is called {self.name!r}; see: fleetlog subscription list"


def check_subscription(subscription: Subscription) -> None:
    """Raise InvalidSubscriptionError for what no channel needs to be asked about."""
    if not NAME.fullmatch(subscription.name):
        raise InvalidSubscriptionError(
            "name", "must be 1 to 60 of a-z, 0-9, - and _, and not begin with - or _"
        )
    if subscription.kind not in KINDS:
        raise InvalidSubscriptionError("kind", f"must be one of {', '.join(KINDS)}")
    check_endpoint(subscription.endpoint)
    check_types(subscription.event_types, "event type")
    check_types(subscription.aggregate_types, "aggregate type")
    try:
        check_value(subscription.options, "options")
    except UnstorableError as error:
        raise InvalidSubscriptionError(error.where, error.rule) from error
    for name, default, most in (ATTEMPTS, PARALLEL):
        whole_number(subscription.options, name, default, most)


def whole_number(options: Mapping[str, Any], name: str, default: int, most: int) -> int:
    """Return an option that is a number from 1 to `most`; raises InvalidSubscriptionError."""
    value = options.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise InvalidSubscriptionError(f"options.{name}", f"must be a number from 1 to {most:,}")
    return value


def check_endpoint(endpoint: str) -> None:
    if CONTROL.search(endpoint) or not 1 <= len(endpoint.encode()) <= LONGEST_ENDPOINT:
        raise InvalidSubscriptionError(
            "endpoint", f"must have 1 to {LONGEST_ENDPOINT:,} bytes and no control characters"
        )
    if PASSWORD.search(endpoint):
        raise InvalidSubscriptionError(
            "endpoint", "holds a password, and endpoints are shown: give it as the secret"
        )


def check_types(names: Iterable[str], what: str) -> None:
    for name in names:
        try:
            check_name(name, what)
        except UnstorableError as error:
            raise InvalidSubscriptionError(error.where, error.rule) from error
