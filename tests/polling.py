"""Waiting without sleeping blindly."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], seconds: float = 10.0, *, saying: str = "") -> T:
    """Ask again and again until the answer is truthy, and return it; AssertionError otherwise."""
    give_up = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > give_up:
            raise AssertionError(f"not within {seconds:g} s{saying and ': '}{saying}")
        time.sleep(0.02)
    return answer
