"""
Which channel there is for which kind of subscription.

A line a kind: the module is imported when a subscription of its kind is delivered, and its
function `channel(subscription, secrets)` makes the channel.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TypeAlias

from store.subscriptions import InvalidSubscriptionError, Secrets, Subscription
from workers.delivering.channel import Channel

MakeChannel: TypeAlias = Callable[[Subscription, Secrets], Channel]


def lazily(module: str) -> MakeChannel:
    def make(subscription: Subscription, secrets: Secrets) -> Channel:
        made: Channel = import_module(module).channel(subscription, secrets)
        return made

    return make


CHANNELS: dict[str, MakeChannel] = {
    "http": lazily("workers.delivering.http"),
    "stream": lazily("workers.delivering.stream"),
    "amqp": lazily("workers.delivering.exchange"),
    "mail": lazily("workers.delivering.mail"),
}


def channel_for(subscription: Subscription, secrets: Secrets) -> Channel:
    """Make the channel of a subscription; raises InvalidSubscriptionError, naming the field."""
    make = CHANNELS.get(subscription.kind)
    if make is None:
        raise InvalidSubscriptionError("kind", f"must be one of {', '.join(CHANNELS)}")
    return make(subscription, secrets)
