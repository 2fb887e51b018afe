"""Endpoints that are URLs: without a password in them, and not open to everybody on the way."""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from store.subscriptions import InvalidSubscriptionError, Subscription
from workers.delivering.options import ServerOptions


def endpoint_of(
    subscription: Subscription, options: ServerOptions, schemes: Mapping[str, bool]
) -> SplitResult:
    """
    Return a subscription's endpoint; raises InvalidSubscriptionError without quoting it.

    `schemes` says of each scheme whether nobody on the way can read along.
    """
    url = split(subscription.endpoint)
    if url.scheme not in schemes:
        starts = " or ".join(f"{name}://" for name in schemes)
        raise InvalidSubscriptionError("endpoint", f"must start with {starts}")
    if url.password is not None:
        raise InvalidSubscriptionError(
            "endpoint", "must not hold the password: everybody sees it there; give it as a secret"
        )
    if url.query or url.fragment:
        raise InvalidSubscriptionError("endpoint", "must end before ? and #: set options instead")
    if url.scheme != "unix" and not url.hostname:
        raise InvalidSubscriptionError("endpoint", "must name a host")
    private = schemes[url.scheme] or is_this_machine(url.hostname)
    if not (private or options.allow_plaintext):
        safe = next(name for name, safe in schemes.items() if safe)
        raise InvalidSubscriptionError(
            "endpoint", f"must start with {safe}://, or set options.allow_plaintext to true"
        )
    return url


def split(endpoint: str) -> SplitResult:
    try:
        url = urlsplit(endpoint)
        _ = url.port
    except ValueError:  # its text quotes the endpoint
        raise InvalidSubscriptionError("endpoint", "must be a URL") from None
    if not endpoint.isprintable() or " " in endpoint:
        raise InvalidSubscriptionError("endpoint", "must be a URL, without blanks")
    return url


def is_this_machine(host: str | None) -> bool:
    """Say whether what goes there never leaves the machine; a name may lead anywhere."""
    if host is None or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
