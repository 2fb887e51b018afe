"""
Where a connection may lead: resolved once, checked, and then connected to as it was checked.

Who may name an endpoint must not reach through us what only we can reach: our own machine, its
neighbours, a cloud's metadata. A name is judged by what it resolves to at the moment of connecting,
and nobody resolves it again behind that.
"""

import ipaddress
import socket
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeAlias

Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
# As getaddrinfo has it: host, port, and for IPv6 flow and scope.
Place: TypeAlias = tuple[str, int] | tuple[str, int, int, int]

NAT64 = ipaddress.ip_network("64:ff9b::/96")
NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")


@dataclass(eq=False)
class RefusedAddressError(OSError):
    """A host that leads to where no delivery may go; nothing was connected to."""

    host: str
    address: str

    def __str__(self) -> str:
        return f"{self.host} leads to {self.address}, which is not a public address"


@dataclass(eq=False)
class UnresolvedError(OSError):
    """A host that no name server knows, or that none answered about in time."""

    host: str
    reason: str

    def __str__(self) -> str:
        return f"{self.host} cannot be resolved: {self.reason}"


def resolved(host: str, port: int, seconds: float, *, private: bool) -> list[Place]:
    """
    Return where `host` is, in the order in which to try.

    Unless `private` ones are allowed, every single address must be public: a name that leads
    both inside and outside is up to no good. Raises RefusedAddressError or UnresolvedError.
    """
    places = looked_up(host, port, seconds)
    for place in places if not private else ():
        if not is_public(ipaddress.ip_address(str(place[0]).partition("%")[0])):
            raise RefusedAddressError(host, str(place[0]))
    return places


def looked_up(host: str, port: int, seconds: float) -> list[Place]:
    """Ask the resolver, which knows no time limit, in a thread that can be left behind."""
    answers: SimpleQueue[list[Place] | OSError] = SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            answers.put(error if isinstance(error, OSError) else OSError(str(error)))
        else:
            answers.put([entry[4] for entry in found])  # type: ignore[misc]  # of TCP

    Thread(target=ask, name="resolving", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise UnresolvedError(host, f"no answer within {seconds:g} s") from None
    if isinstance(answer, OSError):
        raise UnresolvedError(host, answer.strerror or str(answer)) from answer
    return answer


def is_public(address: Ip) -> bool:
    """Whether anybody may be sent there, also by an address that only wraps another."""
    inner = unwrapped(address)
    if inner is not address:
        return is_public(inner)
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not (
        address.is_multicast or address.is_reserved or site_local or address.is_unspecified
    )


def unwrapped(address: Ip) -> Ip:
    """Return the IPv4 address that an IPv6 one stands for, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64 or address in NAT64_LOCAL:
        return ipaddress.IPv4Address(address.packed[-4:])
    compatible = address.packed[:12] == bytes(12) and int(address) > 1
    if compatible:
        return ipaddress.IPv4Address(address.packed[-4:])
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address
