"""Options of a socket by which a peer that vanished without a word is found out."""

import socket
from typing import Any

NAMES = {
    "TCP_KEEPIDLE": 10,
    "TCP_KEEPALIVE": 10,  # the same on macOS
    "TCP_KEEPINTVL": 5,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 10_000,  # milliseconds; of Linux only
}


def keepalive() -> dict[int, int]:
    """Return those that this system knows: silence is over within 25 s, a lost word within 10."""
    return {getattr(socket, name): value for name, value in NAMES.items() if hasattr(socket, name)}


def kept_alive(url: str) -> dict[str, Any]:
    """Return what Redis's client needs to be told for a server at `url`; nothing for a file."""
    if url.startswith("unix:"):
        return {}
    return {"socket_keepalive": True, "socket_keepalive_options": keepalive()}
