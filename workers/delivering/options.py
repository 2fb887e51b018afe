"""The options of a subscription, as its kind of channel understands them."""

from collections.abc import Mapping
from typing import Any

from store.subscriptions import ATTEMPTS, PARALLEL, InvalidSubscriptionError, Subscription

OF_ALL = (ATTEMPTS[0], PARALLEL[0])
CALLED = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def check_options(subscription: Subscription, known: Mapping[str, type]) -> None:
    """Raise InvalidSubscriptionError for an option that this kind does not have, or misspelt."""
    for name, value in subscription.options.items():
        if name in OF_ALL:
            continue
        kind = known.get(name)
        if kind is None:
            names = ", ".join(sorted({*known, *OF_ALL}))
            rule = f"is no option of {subscription.kind}; there are {names}"
            raise InvalidSubscriptionError(f"options.{name}", rule)
        if not fits(value, kind):
            raise InvalidSubscriptionError(f"options.{name}", f"must be {CALLED[kind]}")


def fits(value: Any, kind: type) -> bool:
    if kind is not bool and isinstance(value, bool):
        return False
    return isinstance(value, int | float if kind is float else kind)
