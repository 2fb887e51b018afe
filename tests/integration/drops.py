"""A server that answers drop by drop, and never to the end."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress


@contextmanager
def dripping() -> Iterator[int]:
    """Run one for the length of a block; lends its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        pool.submit(drip, listener)
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def drip(listener: socket.socket) -> None:
    client, _ = listener.accept()
    with client, suppress(OSError):
        while True:
            client.sendall(b"2")
            time.sleep(0.05)
