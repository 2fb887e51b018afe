"""Wires of TCP to servers that listen in a file: what they lose, and how they are found."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.chaos.proxy import Proxy


@contextmanager
def wire(socket: str) -> Iterator[Proxy]:
    with closing(Proxy(socket)) as proxy:
        yield proxy


def place_of(url: str) -> str:
    """Return where the database of this address listens."""
    place = {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}
    return str(Path(place["host"]) / f".s.PGSQL.{place['port']}")


def database_through(proxy: Proxy, url: str) -> str:
    parts = urlsplit(url)
    options = "sslmode=disable&gssencmode=disable"
    return f"postgresql://{parts.username}@127.0.0.1:{proxy.port}{parts.path}?{options}"


def broker_through(proxy: Proxy) -> str:
    return f"redis://127.0.0.1:{proxy.port}/0"
