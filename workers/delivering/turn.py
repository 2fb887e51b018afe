"""One turn at the deliveries of a subscription: as its only deliverer, within a time budget."""

import time
from collections.abc import Sequence

import structlog

from store.circuits import Circuit
from store.deliveries import Due
from store.subscriptions import Subscription
from workers.delivering.attempts import endpoint_is_well, note_failure
from workers.delivering.channel import Outgoing
from workers.delivering.crew import Crew, Outcome
from workers.fleet import fleet
from workers.lock import Extend

log = structlog.get_logger(__name__)

AT_ONCE = 100  # deliveries read in one go: each may hold a quarter of a megabyte
NOTE_EVERY = 0.2  # seconds for which arrivals are gathered: as much as a crash sends again
LOOK_EVERY = 0.25  # seconds after which a crew that is not full looks again
IN_FLIGHT = 30.0  # seconds in which the last of a turn must come in


class Turn:
    """
    Delivers what is due, several aggregates at once, and writes down what becomes of it.

    Arrivals are noted by the batch, before more is read; a failure at once.
    """

    def __init__(self, subscription: Subscription, crew: Crew, extend: Extend) -> None:
        self._of = subscription
        self._crew = crew
        self._extend = extend
        self._in_trouble = False  # whether the circuit counts failures
        self._opened = False
        self._arrived: list[int] = []
        self._noted = self._looked = time.monotonic()

    def run(self, circuit: Circuit) -> bool:
        """Work until nothing is due or the time is over; returns whether there is more to do."""
        self._in_trouble = circuit is not Circuit.CLOSED
        more = self._probe() if circuit is Circuit.HALF_OPEN else circuit is Circuit.CLOSED
        while more and not self._crew.over:
            more = self._start_more()
            self._come_in(0.05)
        self._finish()
        return more and not self._opened

    def _probe(self) -> bool:
        """Send the one delivery that failed least; returns whether the endpoint is well again."""
        found = fleet.deliveries.due(self._of.name, (), AT_ONCE)
        firsts = [lane[0] for lane in lanes(self._of, found)]
        if not firsts or not fleet.circuits.may_probe(self._of.circuit):
            return False
        self._crew.start([min(firsts, key=lambda one: one.attempt)])
        self._finish()
        return not self._in_trouble

    def _start_more(self) -> bool:
        """Keep the threads busy; returns False when nothing is due and nothing on its way."""
        busy = self._crew.busy()
        if len(busy) >= self._crew.size or (busy and not self._is_time_to_look):
            return True
        self._come_in(0)
        self._note_arrivals()
        self._looked = time.monotonic()
        found = fleet.deliveries.due(self._of.name, busy, AT_ONCE)
        for lane in lanes(self._of, found):
            self._crew.start(lane)
        return bool(found or busy)

    @property
    def _is_time_to_look(self) -> bool:
        return time.monotonic() - self._looked > LOOK_EVERY

    def _finish(self) -> None:
        """Wait for what is on its way, keeping the lock meanwhile."""
        give_up = time.monotonic() + IN_FLIGHT
        while not self._crew.wait(0.05) and time.monotonic() < give_up:
            self._come_in(0)
        self._come_in(0)
        self._note_arrivals()

    def _come_in(self, seconds: float) -> None:
        for outcome in self._crew.outcomes(seconds):
            self._judge(outcome)
        if time.monotonic() - self._noted > NOTE_EVERY:
            self._note_arrivals()
            self._extend()
            if not fleet.subscriptions.is_active(self._of.name):
                self._crew.stop()

    def _judge(self, outcome: Outcome) -> None:
        if outcome.error is None:
            self._arrived.append(outcome.outgoing.event.global_sequence)
        else:
            note_failure(fleet.deliveries, self._of, outcome)
        well = endpoint_is_well(outcome.error)
        if well:
            self._well()
        elif well is not None:
            self._ill()
        outcome.judged.set()

    def _ill(self) -> None:
        self._in_trouble = True
        if fleet.circuits.failed(self._of.circuit, 1) and not self._opened:
            self._opened = True
            self._crew.stop()
            log.warning("circuit opened", subscription=self._of.name)

    def _well(self) -> None:
        """The endpoint answers: what it failed in before is forgotten."""
        if self._in_trouble:
            fleet.circuits.close(self._of.circuit)
            self._in_trouble = False

    def _note_arrivals(self) -> None:
        fleet.deliveries.delivered(self._of.name, self._arrived)
        self._arrived = []
        self._noted = time.monotonic()


def lanes(subscription: Subscription, found: Sequence[Due]) -> list[list[Outgoing]]:
    """Group deliveries by aggregate, each group in order, the longest waiting first."""
    grouped: dict[str, list[Outgoing]] = {}
    for due in found:
        outgoing = Outgoing(due.event, subscription.name, due.attempts + 1)
        grouped.setdefault(due.event.aggregate_id, []).append(outgoing)
    return list(grouped.values())
