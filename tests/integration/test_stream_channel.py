"""Deliveries to a Redis or Valkey stream, on the real server."""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from redis import Redis
from redis.exceptions import RedisError

from domain.users import UserDeactivated, UserPasswordChanged
from store.subscriptions import Subscription
from tests.chaos.proxy import Mode, Proxy
from tests.fleets import TestFleet
from tests.integration.subscribed import Subscribed
from tests.outgoing import channel_to, outgoing
from tests.polling import eventually
from workers.delivering.channel import FailedError
from workers.embedded.valkey import Valkey, program
from workers.fleet import fleet

LEFT = UserDeactivated(reason="they asked")


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    """A server that is not ours: a receiver's."""
    with TemporaryDirectory(prefix="fleetlog-") as place:
        server = Valkey(Path(place))
        server.start(durable=False)
        yield server
        server.stop()


@pytest.fixture
def theirs(valkey: Valkey) -> Iterator[Redis]:
    with Redis(unix_socket_path=str(valkey.socket), decode_responses=True) as redis:
        redis.flushall()
        yield redis


@contextmanager
def another(place: Path, *arguments: str) -> Iterator[Path]:
    """Run a receiver's server that is set up in its own way; lends its socket."""
    socket = place / "valkey.sock"
    command = [str(program()), "--port", "0", "--unixsocket", str(socket), "--save", "", *arguments]
    with subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL) as process:
        try:
            eventually(socket.exists)
            yield socket
        finally:
            process.terminate()


def entries(redis: Redis, stream: str = "fleetlog") -> list[dict[str, str]]:
    found: Any = redis.xrange(stream)
    return [entry for _, entry in found]


def keys(redis: Redis, stream: str = "fleetlog") -> list[str]:
    return [entry["idempotency_key"] for entry in entries(redis, stream)]


def test_an_event_becomes_an_entry_with_its_key(valkey: Valkey, theirs: Redis) -> None:
    sent = outgoing(LEFT)
    channel = channel_to("stream", f"unix://{valkey.socket}", stream="users")

    channel.send(sent)

    channel.close()
    (entry,) = entries(theirs, "users")
    event = msgspec.json.decode(entry["event"])
    assert entry["idempotency_key"] == f"{sent.event.event_id}:theirs"
    assert entry.keys() == {"idempotency_key", "event"}
    assert (event["specversion"], event["type"], event["subject"]) == ("1.0", LEFT.event_type, "42")
    assert (event["id"], event["data"]) == (str(sent.event.event_id), {"reason": "they asked"})


def test_what_is_marked_as_secret_stays_here(valkey: Valkey, theirs: Redis) -> None:
    channel = channel_to("stream", f"unix://{valkey.socket}")

    channel.send(outgoing(UserPasswordChanged(password_hash="$argon2id$never-shown")))  # noqa: S106 - a hash

    channel.close()
    (entry,) = entries(theirs)
    assert msgspec.json.decode(entry["event"])["data"] == {"password_hash": "***"}


def test_a_stream_with_a_limit_forgets_its_oldest_entries(valkey: Valkey, theirs: Redis) -> None:
    channel = channel_to("stream", f"unix://{valkey.socket}", maxlen=50)
    sent = [outgoing(LEFT) for _ in range(350)]

    for one in sent:
        channel.send(one)

    channel.close()
    kept = keys(theirs)
    assert 50 <= len(kept) < 350
    assert kept == [one.key for one in sent[-len(kept) :]]


def test_a_server_that_goes_away_and_comes_back_has_everything_once(valkey: Valkey) -> None:
    channel = channel_to("stream", f"unix://{valkey.socket}", stream="outlives")
    before, meanwhile, after = (outgoing(LEFT) for _ in range(3))
    channel.send(before)

    valkey.stop()
    with pytest.raises(FailedError, match="out of reach"):
        channel.send(meanwhile)
    channel.close()
    valkey.start(durable=False)
    channel.send(meanwhile)
    channel.send(after)

    channel.close()
    with Redis(unix_socket_path=str(valkey.socket), decode_responses=True) as theirs:
        kept = keys(theirs, "outlives")
    assert kept == [before.key, meanwhile.key, after.key]


def test_a_server_that_hangs_is_given_up_in_time(valkey: Valkey, theirs: Redis) -> None:
    wire = Proxy(str(valkey.socket))
    channel = channel_to("stream", f"redis://127.0.0.1:{wire.port}/0", timeout=0.3)
    channel.send(outgoing(LEFT))

    wire.turn(Mode.MUTE)
    began = time.monotonic()
    with pytest.raises(FailedError, match=r"has not answered within 0\.3 s"):
        channel.send(outgoing(LEFT))

    assert time.monotonic() - began < 3
    channel.close()
    wire.close()


def test_one_attempt_is_one_entry_even_when_its_answer_is_lost(
    valkey: Valkey, theirs: Redis
) -> None:
    """The client tries nothing again by itself: whoever counts the attempts does."""
    wire = Proxy(str(valkey.socket))
    channel = channel_to("stream", f"redis://127.0.0.1:{wire.port}/0")
    channel.send(outgoing(LEFT))
    unheard = outgoing(LEFT)

    wire.turn(Mode.MUTE)
    with ThreadPoolExecutor() as pool:
        sending = pool.submit(channel.send, unheard)
        eventually(lambda: theirs.xlen("fleetlog") > 1)
        wire.turn(Mode.PASS)  # which ends the connection, and lets new ones through

    assert isinstance(sending.exception(), FailedError)
    assert keys(theirs)[1:] == [unheard.key]
    channel.close()
    wire.close()


def test_the_newest_secret_is_the_password_and_no_error_tells_it(tmp_path: Path) -> None:
    with another(tmp_path, "--requirepass", "open-sesame") as socket:
        stranger = channel_to("stream", f"unix://{socket}", "not-the-password")
        friend = channel_to("stream", f"unix://{socket}", "open-sesame", "not-the-password")

        friend.send(outgoing(LEFT))
        with pytest.raises(FailedError) as refusal:
            stranger.send(outgoing(LEFT))

        friend.close()
        stranger.close()
    assert "refuses our user or its password" in str(refusal.value)
    assert "not-the-password" not in str(refusal.value) + repr(refusal.value.__dict__)


def test_an_error_never_quotes_the_event(tmp_path: Path) -> None:
    """A server that knows no XADD answers with all it was told."""
    with another(tmp_path, "--rename-command", "XADD", "") as socket:
        channel = channel_to("stream", f"unix://{socket}")
        with pytest.raises(FailedError) as refusal:
            channel.send(outgoing(UserDeactivated(reason="of a private matter")))
        channel.close()
        with (
            Redis(unix_socket_path=str(socket)) as theirs,
            pytest.raises(RedisError, match="of a private matter"),
        ):
            theirs.execute_command("XADD", "fleetlog", "*", "event", "of a private matter")

    assert str(refusal.value) == "the stream's server refuses the entry: unknown command"
    assert refusal.value.__cause__ is None


def test_what_a_lost_server_missed_follows_in_the_order_of_each_aggregate(
    town: TestFleet, valkey: Valkey
) -> None:
    """Through the whole machine: outbox, deliveries, channel."""
    fleet.subscriptions.add(
        Subscription("theirs", "stream", f"unix://{valkey.socket}", {"stream": "whole"}),
        "now",
        None,
    )
    of = Subscribed(town, "theirs", "")
    of.append("a", 1)
    of.deliver()
    valkey.stop()
    of.append("a", 2, 3)
    of.append("b", 4)
    of.deliver()
    meanwhile = of.statuses()
    valkey.start(durable=False)
    of.probe()

    with Redis(unix_socket_path=str(valkey.socket), decode_responses=True) as theirs:
        found = [msgspec.json.decode(entry["event"]) for entry in entries(theirs, "whole")]
    abouts = [(event["subject"], event["data"]["note"]) for event in found]
    assert meanwhile == ["delivered", "waiting", "waiting", "waiting"]
    assert [about for about in abouts if about[0] == "a"] == [("a", 1), ("a", 2), ("a", 3)]
    assert ("b", 4) in abouts
    assert of.statuses() == ["delivered"] * 4
