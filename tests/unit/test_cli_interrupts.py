"""Ctrl-C, held back for a moment."""

import os
import signal

import pytest

from workers.console.interrupts import held_back


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def work(done: list[str], presses: int) -> None:
    with held_back():
        for _ in range(presses):
            press()
        done.append("in hand")


def test_what_is_in_hand_is_ended_before_an_interrupt() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        work(done, presses=1)

    assert done == ["in hand"]
    with pytest.raises(KeyboardInterrupt):
        press()


def test_who_insists_does_not_wait() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        work(done, presses=2)

    assert done == []


def test_without_an_interrupt_nothing_happens() -> None:
    done: list[str] = []
    before = signal.getsignal(signal.SIGINT)
    work(done, presses=0)

    assert done == ["in hand"]
    assert signal.getsignal(signal.SIGINT) is before


def test_who_ignores_interrupts_goes_on_doing_so() -> None:
    done: list[str] = []
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        work(done, presses=2)
    finally:
        signal.signal(signal.SIGINT, before)

    assert done == ["in hand"]
