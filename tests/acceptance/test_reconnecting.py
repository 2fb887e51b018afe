"""The broker dies, or the way to it; what we ship reconnects and goes on, again and again."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import pytest

from tests.acceptance.fleet import CELERY, Fleet, Process
from tests.chaos.proxy import Mode, Proxy
from tests.polling import eventually
from tests.toys import PLACE as FAULTS
from workers.embedded.valkey import Valkey

ROUNDS = 10
LOST_SECONDS = 60
BACK_SECONDS = 90
BEATS = {
    "default": (*CELERY, "beat", "--pidfile="),
    "production": (*CELERY, "beat", "--pidfile=", "-S", "workers.beat:Scheduler"),
}
# What they say when they have noticed; each may have its own words.
READY = "Connected to "
DOMAIN = "domain.users,domain.orders,store.read_models,tests.toys"
DONE = "commands where status = 'done'"
IN_HAND = "pg_locks where locktype = 'advisory' and granted and classid::bigint >> 16 = 17751"
NOTICED = ("Connection to broker lost", "Cannot connect to", "out of reach", "Message Error")

Outage = Callable[[Fleet, Proxy, Callable[[], object]], None]


@pytest.fixture
def wire(fleet: Fleet) -> Iterator[Proxy]:
    """Have the processes of the fleet reach their broker through a wire; we have our own way."""
    proxy = Proxy(str(Valkey(fleet.home).socket))
    fleet.env["REDIS_URL"] = f"redis://127.0.0.1:{proxy.port}/0"
    try:
        yield proxy
    finally:
        fleet.stop()
        proxy.close()


@contextmanager
def killed(fleet: Fleet) -> Iterator[None]:
    """SIGKILL for the broker; it comes back with what it had written."""
    daemon = Valkey(fleet.home).daemon
    daemon.send(signal.SIGKILL)
    eventually(lambda: not daemon.alive(), 30, saying="the broker is killed")
    try:
        yield
    finally:
        Valkey(fleet.home).start(durable=False)


@contextmanager
def cut(wire: Proxy) -> Iterator[None]:
    """Break every connection, and refuse new ones."""
    wire.turn(Mode.CUT)
    try:
        yield
    finally:
        wire.turn(Mode.PASS)


def killed_for_long(fleet: Fleet, _: Proxy, noticed: Callable[[], object]) -> None:
    with killed(fleet):
        eventually(noticed, LOST_SECONDS, saying="somebody notices that the broker is away")


def cut_for_long(_: Fleet, wire: Proxy, noticed: Callable[[], object]) -> None:
    with cut(wire):
        eventually(noticed, LOST_SECONDS, saying="somebody notices that the way is cut")


def killed_for_a_moment(fleet: Fleet, _: Proxy, __: Callable[[], object]) -> None:
    with killed(fleet):
        pass


def cut_for_a_moment(_: Fleet, wire: Proxy, __: Callable[[], object]) -> None:
    with cut(wire):
        pass


def silent_for_long(_: Fleet, wire: Proxy, noticed: Callable[[], object]) -> None:
    """Every connection stays open, and nothing arrives on it any more."""
    wire.turn(Mode.BLACK_HOLE)
    try:
        eventually(noticed, LOST_SECONDS, saying="somebody notices that the broker is silent")
    finally:
        wire.turn(Mode.PASS)


OUTAGES = (killed_for_long, cut_for_long, killed_for_a_moment, cut_for_a_moment)


def outages(rounds: int) -> Iterator[tuple[int, Outage]]:
    """Return so many; the third of ten is a broker that is silent, which takes the longest."""
    several = [*OUTAGES[:2], silent_for_long, *OUTAGES[2:]] if rounds > len(OUTAGES) else OUTAGES
    return enumerate(islice(cycle(several), rounds), start=1)


def complaints(process: Process) -> int:
    log = process.log.read_text(errors="replace")
    return sum(log.count(words) for words in NOTICED)


def test_a_worker_consumes_again_after_each_of_ten_losses_of_its_broker(
    fleet: Fleet, wire: Proxy
) -> None:
    """No beat is here, so no relay: a command is done only if its own message is consumed."""
    worker = fleet.worker("one")
    for number, outage in outages(ROUNDS):
        before = complaints(worker)
        outage(fleet, wire, lambda before=before: complaints(worker) > before)  # type: ignore[misc]
        id = f"user-{number}"
        fields = (f"user_id={id}", f"username={id}", f"email={id}@example.org")
        submitted = fleet.cli("submit", "CreateUser", *fields)
        assert submitted.returncode == 0, submitted.stderr

        done = f"commands where aggregate_id = '{id}' and status = 'done'"
        over = f"round {number}, {outage.__name__}: {worker.log.read_text()[-1500:]}"
        eventually(lambda done=done: fleet.count(done), BACK_SECONDS, saying=over)  # type: ignore[misc]

    assert worker.running
    assert fleet.count("events") == ROUNDS


@pytest.mark.parametrize("outage", OUTAGES[:2])
def test_a_worker_with_a_command_in_hand_outlives_the_loss_of_its_broker(
    fleet: Fleet, wire: Proxy, tmp_path: Path, outage: Outage
) -> None:
    """The command is done while nobody can be told; its acknowledgement fails, and that is all."""
    fleet.env |= {"FLEETLOG_DOMAIN": DOMAIN, FAULTS: str(tmp_path)}
    (tmp_path / "slow").write_text("wait")
    worker = fleet.worker("one")
    ring(fleet, "slow")
    eventually(lambda: fleet.count(IN_HAND), 30, saying="the command is in hand")

    before = complaints(worker)
    outage(fleet, wire, lambda: complaints(worker) > before)
    eventually(lambda: worker.log.read_text().count(READY) > 1, BACK_SECONDS, saying="reconnected")
    (tmp_path / "slow").unlink()
    ring(fleet, "quick")
    eventually(lambda: fleet.count(DONE) == 2, BACK_SECONDS, saying="both commands are done")

    assert worker.running
    assert fleet.count("events") == 2


def ring(fleet: Fleet, toy: str) -> None:
    submitted = fleet.cli("submit", "Ring", f"toy_id={toy}", "note=1")
    assert submitted.returncode == 0, submitted.stderr


@pytest.mark.parametrize("scheduler", BEATS)
def test_a_beat_ticks_again_after_each_kind_of_loss_of_its_broker(
    fleet: Fleet, wire: Proxy, scheduler: str
) -> None:
    """No worker is here: what the beat sends stays, and is seen."""
    beat = fleet.start(*BEATS[scheduler], ready="beat v")
    eventually(lambda: fleet.redis.llen("projections"), 60, saying="the first tick")
    for number, outage in outages(len(OUTAGES)):
        before = complaints(beat)
        outage(fleet, wire, lambda before=before: complaints(beat) > before)  # type: ignore[misc]
        fleet.redis.delete("projections")

        over = f"round {number}, {outage.__name__}"
        eventually(lambda: fleet.redis.llen("projections"), BACK_SECONDS, saying=over)

    assert beat.running
