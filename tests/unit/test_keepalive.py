"""A peer that vanished is found out by the kernel too, where it knows how."""

import socket
import sys

import pytest

from workers.keepalive import keepalive, kept_alive


def test_a_socket_takes_every_option() -> None:
    with socket.socket() as made:
        for option, value in keepalive().items():
            made.setsockopt(socket.IPPROTO_TCP, option, value)

            assert made.getsockopt(socket.IPPROTO_TCP, option) == value


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not have it")
def test_what_was_said_and_never_heard_is_given_up_within_ten_seconds() -> None:
    assert keepalive()[socket.TCP_USER_TIMEOUT] == 10_000


def test_a_socket_in_a_file_needs_none_of_it() -> None:
    assert kept_alive("unix:///tmp/valkey.sock") == {}
    assert kept_alive("redis://127.0.0.1:6379/0")["socket_keepalive"] is True
