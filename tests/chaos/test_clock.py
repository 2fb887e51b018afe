"""
The wall clock jumps by hours: order, versions and timestamps stay, and nothing is lost.

What jumps is the clock that Python tells in a worker, a beat or a client. PostgreSQL keeps the
machine's; for its own clock to fall behind a stream, the stream's last event is given a date in
the future.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from domain.command import Command
from domain.orders import PlaceOrder, ProcessPayment, ShipOrder
from store.event_store import Expected
from tests.acceptance.board import folded_board, stored_board, stream_numbers
from tests.acceptance.conftest import fleet
from tests.acceptance.fleet import CELERY, Fleet, Process
from tests.chaos.clocks import Clock
from tests.fleets import connected
from tests.polling import eventually
from tests.processes import ROOT
from tests.toys import PLACE, Rang, Ring
from workers.submitting import submit

__all__ = ["fleet"]  # a fixture, for the tests here

SECONDS = 60
JUMPS = (0.0, 5.0, -7.0, 0.01, -1.0, 0.0)  # hours
ORDERS = 10
DOMAIN = "domain.users,domain.orders,store.read_models,tests.toys"
OPEN = "commands where status = 'accepted'"
DONE = "commands where status = 'done'"
FIRST_NOTE = """
    insert into fleetlog.events (event_id, aggregate_id, aggregate_type, event_type, version,
                                 sequence_number, data, metadata, timestamp)
    values (gen_random_uuid(), 'bell', 'Toy', 'Rang', 1, 1, '{"note": 1}', '{}', %s)
"""
# A process of its own that submits: it waits for each answer, and says what time it has.
CLIENT = """
import sys
from datetime import UTC, datetime
from tests.toys import Ring
from workers.submitting import submit
for line in sys.stdin:
    submit(Ring(toy_id="bell", note=int(line))).get(timeout=60)
    print(datetime.now(UTC).isoformat(), flush=True)
"""
ACCEPTED_ELSEWHEN = "commands where abs(extract(epoch from clock_timestamp() - accepted_at)) > 600"
LIFE = ["OrderPlaced", "PaymentProcessed", "OrderShipped"]


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "clock")


@pytest.fixture
def faults(fleet: Fleet, tmp_path: Path) -> Iterator[Path]:
    """Have the fleet play with toys, and this process be its client."""
    fleet.env |= {"FLEETLOG_DOMAIN": DOMAIN, PLACE: str(tmp_path)}
    with connected(fleet.env):
        yield tmp_path


def test_commands_are_done_once_and_in_order_while_the_clock_of_a_worker_jumps(
    fleet: Fleet, faults: Path, clock: Clock
) -> None:
    """A command that fails is tried again at a time of day, and that is what jumps."""
    start_beat(fleet)
    fleet.worker("shifted", **clock.environment)
    fleet.worker("right")
    for round, hours in enumerate(JUMPS):
        clock.set_to(hours)
        (faults / f"toy-{round}").write_text("fail")
        submit(Ring(toy_id=f"toy-{round}", note=round))
        for command in lives(round):
            submit(command)
        eventually(partial(has_failed, fleet, f"toy-{round}"), SECONDS)
        (faults / f"toy-{round}").unlink()
    eventually(lambda: fleet.count(OPEN) == 0, SECONDS)
    eventually(lambda: fleet.lag() == 0, SECONDS)

    assert fleet.count(DONE) == fleet.count("commands") == len(JUMPS) * (3 * ORDERS + 1)
    assert fleet.count("events") == fleet.count(DONE)
    assert not stream_numbers(fleet)
    assert stored_board(fleet) == folded_board(fleet)
    for round in range(len(JUMPS)):
        for order in range(ORDERS):
            events = fleet.store.load_events(f"order-{round}-{order}")
            assert [event.event_type for event in events] == LIFE
            assert all(a.timestamp <= b.timestamp for a, b in pairwise(events))


def test_a_beat_whose_clock_is_hours_ahead_still_sees_to_what_the_broker_forgot(
    fleet: Fleet, faults: Path, clock: Clock
) -> None:
    start_beat(fleet, **clock.environment)
    for hours in (2.0, 5.0):
        clock.set_to(hours)
        results = [submit(command) for command in lives(int(hours))]
        fleet.redis.delete("commands")
        assert fleet.count(OPEN) == len(results)

        worker = fleet.worker(f"after-{hours:g}")
        eventually(lambda: fleet.count(OPEN) == 0, SECONDS)
        worker.stop()

    assert fleet.count(DONE) == fleet.count("events") == 2 * 3 * ORDERS
    assert not stream_numbers(fleet)


def test_a_client_whose_clock_is_wrong_has_its_commands_done_once_and_in_order(
    fleet: Fleet, faults: Path, clock: Clock
) -> None:
    """What it says of the time goes into no event: that is the time of PostgreSQL."""
    start_beat(fleet)
    fleet.worker("right")
    before = datetime.now(UTC)
    with client(fleet, clock) as asked:
        for round, hours in enumerate(JUMPS):
            clock.set_to(hours)
            told = asked(round)
            assert abs(told - datetime.now(UTC) - timedelta(hours=hours)) < timedelta(minutes=1)
    eventually(lambda: fleet.count(OPEN) == 0, SECONDS)
    events = fleet.store.load_events("bell")

    assert [event.payload["note"] for event in events] == list(range(len(JUMPS)))
    assert all(before <= event.timestamp <= datetime.now(UTC) for event in events)
    assert fleet.count("commands") == fleet.count(DONE) == len(JUMPS)
    assert fleet.count(ACCEPTED_ELSEWHEN) == 0


@contextmanager
def client(fleet: Fleet, clock: Clock) -> Iterator[Callable[[int], datetime]]:
    """Lend another process that rings the bell when asked, and says what time it has."""
    with subprocess.Popen(
        [sys.executable, "-c", CLIENT],
        env={**fleet.env, **clock.environment},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def ask(note: int) -> datetime:
            assert process.stdin
            assert process.stdout
            print(note, file=process.stdin, flush=True)
            return datetime.fromisoformat(process.stdout.readline().strip())

        try:
            yield ask
        finally:
            process.kill()


def test_a_stream_from_the_future_goes_on_from_there(fleet: Fleet, faults: Path) -> None:
    """As if the clock of PostgreSQL had been set back by a day after its first event."""
    fleet.worker("one")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with psycopg.connect(fleet.env["FLEETLOG_MIGRATION_URL"], autocommit=True) as connection:
        connection.execute(FIRST_NOTE, [tomorrow])

    versions = [
        submit(Ring(toy_id=toy, note=note)).get(timeout=SECONDS)["version"]
        for note in (2, 3)
        for toy in ("bell", "gong")
    ]
    fleet.store.append_events("bell", Expected.ANY, [Rang(note=4)], aggregate_type="Toy")
    bell, gong = fleet.store.load_events("bell"), fleet.store.load_events("gong")

    assert versions == [2, 1, 3, 2]
    assert [event.sequence_number for event in bell] == [1, 2, 3, 4]
    assert [event.timestamp for event in bell] == 4 * [tomorrow]
    assert all(event.timestamp < tomorrow for event in gong)
    assert all(a.global_sequence < b.global_sequence for a, b in pairwise(bell))


def lives(round: int) -> list[Command]:
    """Return what some orders live through, step by step for all of them."""
    ids = [f"order-{round}-{order}" for order in range(ORDERS)]
    return [
        *(PlaceOrder(order_id=id, items=("pen",), total=Decimal("1.00")) for id in ids),
        *(ProcessPayment(order_id=id, amount=Decimal("1.00")) for id in ids),
        *(ShipOrder(order_id=id, packages=("parcel",)) for id in ids),
    ]


def start_beat(fleet: Fleet, **env: str) -> Process:
    argv = (*CELERY, "beat", "-S", "workers.beat:Scheduler", "--pidfile=")
    return fleet.start(*argv, ready="beat v", **env)


def has_failed(fleet: Fleet, toy_id: str) -> bool:
    """Whether its command was tried without success, and is to be tried again."""
    return fleet.count(f"{OPEN} and attempts > 0 and aggregate_id = '{toy_id}'") > 0


def test_a_beat_whose_clock_is_set_back_by_hours_goes_on_ticking(
    fleet: Fleet, faults: Path, clock: Clock
) -> None:
    """Before and after, its clock may be right or wrong: only that it is set back counts."""
    clock.set_to(5.0)
    start_beat(fleet, **clock.environment)
    eventually(lambda: fleet.redis.llen("projections"), SECONDS, saying="the beat ticks")

    clock.set_to(0.0)
    results = [submit(command) for command in lives(0)]
    fleet.redis.delete("commands", "projections", "maintenance")
    fleet.worker("one")
    eventually(lambda: fleet.count(OPEN) == 0, SECONDS)

    assert fleet.count(DONE) == fleet.count("events") == len(results)
