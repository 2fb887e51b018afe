"""A store's past, made up: users who come, change and go, copied in as the owner."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

import msgspec

from domain.users import (
    UserCreated,
    UserDeactivated,
    UserEmailChanged,
    UserPasswordChanged,
    UserReactivated,
)
from store.codec import encode_event
from store.engine import Connection
from store.identity import uuid7

COPY = (
    "copy fleetlog.events (event_id, aggregate_id, aggregate_type, event_type, version, "
    "sequence_number, data, metadata, timestamp) from stdin"
)
METADATA = '{"actor": "ada"}'
HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG"
EVENTS_A_USER = 5
OLD_VERSION = 0.05  # of all users, those whose first event is of version 1


class Fact(NamedTuple):
    user_id: str
    sequence_number: int
    event_type: str
    version: int
    data: bytes


class Past:
    """Users at random, always the same for one seed; what happens to one is possible."""

    def __init__(self, seed: int = 1) -> None:
        self._random = Random(seed)  # noqa: S311 - no secret
        self._versions: dict[str, int] = {}
        self._users: list[str] = []
        self._inactive: set[str] = set()

    def mixed(self, events: int) -> Iterator[Fact]:
        """Yield events of many users, new ones among them, in the order they happen."""
        for _ in range(events):
            if not self._users or self._random.random() * EVENTS_A_USER < 1:
                yield self.created(f"user-{len(self._users):06}")
            else:
                yield self.changed(self._random.choice(self._users))

    def stream(self, user_id: str, events: int) -> Iterator[Fact]:
        """Yield a whole stream of this length."""
        yield self.created(user_id)
        for _ in range(events - 1):
            yield self.changed(user_id)

    def created(self, user_id: str) -> Fact:
        self._users.append(user_id)
        email = f"{user_id}@example.org"
        if self._random.random() < OLD_VERSION:
            old = msgspec.json.encode({"user_id": user_id, "email": email})
            return self._fact(user_id, "UserCreated", 1, old)
        event = UserCreated(user_id=user_id, username=user_id.title(), email=email)
        return self._fact(user_id, *encode_event(event))

    def changed(self, user_id: str) -> Fact:
        draw = self._random.random()
        if user_id in self._inactive:
            self._inactive.remove(user_id)
            return self._fact(user_id, *encode_event(UserReactivated()))
        if draw < 0.1:  # noqa: PLR2004 - one in ten
            self._inactive.add(user_id)
            return self._fact(user_id, *encode_event(UserDeactivated(reason="moved away")))
        if draw < 0.4:  # noqa: PLR2004 - three in ten
            return self._fact(user_id, *encode_event(UserPasswordChanged(password_hash=HASH)))
        email = f"{user_id}.{draw:.6f}@example.org"
        return self._fact(user_id, *encode_event(UserEmailChanged(new_email=email)))

    def _fact(self, user_id: str, event_type: str, version: int, data: bytes) -> Fact:
        number = self._versions[user_id] = self._versions.get(user_id, 0) + 1
        return Fact(user_id, number, event_type, version, data)


def write(connection: Connection, facts: Iterable[Fact]) -> None:
    """Copy the facts into the store, a millisecond apart, and let the planner know of them."""
    now, step = datetime.now(UTC), timedelta(milliseconds=1)
    with connection.cursor().copy(COPY) as copy:
        for fact in facts:
            now += step
            place = (uuid7(), fact.user_id, "User", fact.event_type, fact.version)
            copy.write_row((*place, fact.sequence_number, fact.data.decode(), METADATA, now))
    connection.execute("vacuum analyze fleetlog.events")
