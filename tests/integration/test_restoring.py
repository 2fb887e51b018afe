"""Messages of the dead: looked for by whoever is alive, also when the one who looked has died."""

from typing import Any

from kombu.transport.redis import Mutex

from tests.fleets import TestFleet
from workers.app import app

LONGEST_MS = 5000


def test_whoever_dies_while_it_looks_for_lost_messages_keeps_nobody_from_it_for_long(
    idle: TestFleet,
) -> None:
    with app.connection_for_read() as connection, idle.client() as redis:
        channel: Any = connection.default_channel
        with (
            channel.conn_or_acquire() as client,
            Mutex(client, channel.unacked_mutex_key, channel.unacked_mutex_expire),
        ):
            left_behind = redis.pttl(channel.unacked_mutex_key)

    assert 0 < left_behind <= LONGEST_MS
