"""A limit on a whole conversation: a server that answers drop by drop is given up as well."""

from collections.abc import Callable
from contextlib import suppress
from socket import SHUT_RDWR, socket
from threading import Timer
from types import TracebackType
from typing import Self


class Deadline:
    """For the length of a block: after `seconds`, `hang_up` is called from another thread."""

    def __init__(self, seconds: float, hang_up: Callable[[], None]) -> None:
        self.over = False
        self._hang_up = hang_up
        self._timer = Timer(seconds, self._give_up)
        self._timer.daemon = True

    def _give_up(self) -> None:
        self.over = True
        self._hang_up()

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()


def cut(wire: socket | None) -> None:
    """End a connection under the hands of whoever waits on it."""
    with suppress(OSError):
        if wire is not None:
            wire.shutdown(SHUT_RDWR)
