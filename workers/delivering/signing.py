"""
Signatures as "Standard Webhooks" has them, for which there are libraries in many languages.

`webhook-signature` holds `v1,` and the base64 of HMAC-SHA-256 over id, timestamp and body, joined
by dots; one for each secret that is valid, separated by blanks.
"""

import hmac
import secrets
from base64 import b64decode, b64encode
from hashlib import sha256

from store.subscriptions import InvalidSubscriptionError, Secrets

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
RULE = f"must be {PREFIX} and {SHORTEST} to {LONGEST} bytes in base64; left out, one is made up"


def new_secret() -> str:
    """Make up a secret for signing."""
    return PREFIX + b64encode(secrets.token_bytes(32)).decode()


def keys_of(found: Secrets) -> list[bytes]:
    """Return the keys that secrets stand for; raises InvalidSubscriptionError, without them."""
    keys = [key_of(secret) for secret in found.values]
    if not keys:
        raise InvalidSubscriptionError("secret", "is missing: a webhook is always signed")
    return keys


def key_of(secret: str) -> bytes:
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(PREFIX) or not SHORTEST <= len(key) <= LONGEST:
        raise InvalidSubscriptionError("secret", RULE)
    return key


def signature(keys: list[bytes], id: str, timestamp: int, body: bytes) -> str:
    """Return the header that proves who sent this, and when."""
    signed = f"{id}.{timestamp}.".encode() + body
    digests = (hmac.new(key, signed, sha256).digest() for key in keys)
    return " ".join(f"v1,{b64encode(digest).decode()}" for digest in digests)
