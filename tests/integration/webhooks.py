"""Webhooks by themselves, for tests: one channel, one event, no database."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from store.recorded import RecordedEvent
from store.subscriptions import Secrets, Subscription
from tests.integration.receivers import Receiver
from tests.processes import ROOT
from workers.delivering.channel import Outgoing
from workers.delivering.http import HttpChannel, channel
from workers.delivering.signing import new_secret

ID = UUID("0190f3c4-0000-7000-8000-000000000001")
WHEN = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
SNIPPET = re.compile("```python\n(.*?)```", re.DOTALL)
hooks: list[HttpChannel] = []


def webhook(endpoint: str, *secrets: str, **options: Any) -> HttpChannel:
    found = Secrets(secrets or (new_secret(),))
    made = channel(Subscription("shop", "http", endpoint, options), found)
    hooks.append(made)
    return made


def to(receiver: Receiver, *secrets: str, **options: Any) -> HttpChannel:
    allowed = {"allow_http": True, "allow_private": True, **options}
    return webhook(receiver.url, *secrets, **allowed)


def outgoing(number: int = 1) -> Outgoing:
    data = msgspec.json.encode({"note": number, "größe": "ünï"}).decode()
    event = RecordedEvent(7, "toy", "Toy", "Rang", 1, number, WHEN, data, ID)
    return Outgoing(event, "shop", attempt=3)


def verified(body: bytes, headers: dict[str, str], secret: str) -> bool:
    """Ask the lines that docs/deliveries.md gives to receivers; nothing of ours is in them."""
    (lines,) = SNIPPET.findall((ROOT / "docs" / "deliveries.md").read_text())
    names: dict[str, Any] = {}
    exec(lines, names)  # noqa: S102 - the page's own code
    return bool(names["is_genuine"](headers, body, secret))


def close_all() -> None:
    """Let go of every connection that a test has made."""
    while hooks:
        hooks.pop().close()
