"""What Prometheus asks the dashboard, beside Flower's own: how the fleet stands, in numbers."""

import time
from collections.abc import Callable, Iterable
from threading import Thread

import structlog
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from workers.console.figures import Progress
from workers.console.health import Health, ask_broker, ask_database, attempt
from workers.domains import load_domain

log = structlog.get_logger(__name__)

EVERY_SECONDS = 5.0


class FleetMetrics(Collector):
    """
    The last figures that a thread of its own has asked for: a scrape waits for no server.

    A server that does not answer has its `_up` at 0, and what only it could tell is left out.
    """

    def __init__(self) -> None:
        self._health: Health | None = None

    def collect(self) -> Iterable[Metric]:
        """Yield what was found last; nothing before the first answer."""
        if self._health is not None:
            yield from families(self._health)

    def watch(self) -> None:
        """Ask now, and again and again; rather no figures than old ones."""
        while True:
            try:
                self._health = examined()
            except Exception:  # this thread must not end quietly
                self._health = None
                log.exception("cannot tell how the fleet stands")
            time.sleep(EVERY_SECONDS)


def serve_metrics() -> None:
    """Have Flower's `/metrics` show ours too."""
    load_domain()  # what a projection reads decides how far it is behind
    metrics = FleetMetrics()
    REGISTRY.register(metrics)
    Thread(target=metrics.watch, name="fleet-metrics", daemon=True).start()


def examined() -> Health:
    """Ask the servers, but not the workers: they are Flower's to count."""
    health = Health()
    for ask in (ask_database, ask_broker):
        attempt(health, ask)
    return health


def families(health: Health) -> Iterable[Metric]:
    """Yield one family for each thing that is counted."""
    yield up("fleetlog_database_up", "Whether the database answers.", health.database)
    yield up("fleetlog_broker_up", "Whether the broker answers.", health.broker)
    if health.database is None:
        return
    for name, (words, ask) in OF_A_PROJECTION.items():
        family = GaugeMetricFamily(name, words, labels=["projection"])
        for progress in health.projections:
            value = ask(progress)
            if value is not None:
                family.add_metric([progress.name], float(value))
        yield family
    commands = GaugeMetricFamily("fleetlog_commands", "Commands by status.", labels=["status"])
    for status, number in (health.commands.by_status if health.commands else {}).items():
        commands.add_metric([status], float(number))
    yield commands
    yield from of_subscriptions(health)
    letters = "Messages that no worker could take."
    yield GaugeMetricFamily("fleetlog_dead_letters", letters, float(health.dead_letters))


def of_subscriptions(health: Health) -> Iterable[Metric]:
    """Yield what waits for each receiver outside, and whether that is meant so."""
    deliveries = GaugeMetricFamily(
        "fleetlog_deliveries", "Deliveries that are not done.", labels=["subscription", "status"]
    )
    paused = GaugeMetricFamily(
        "fleetlog_subscription_paused", "Whether nothing is sent.", labels=["subscription"]
    )
    spared = GaugeMetricFamily(
        "fleetlog_circuit_open", "Whether its endpoint is spared.", labels=["subscription"]
    )
    for one in health.subscriptions:
        deliveries.add_metric([one.name, "waiting"], float(one.waiting))
        deliveries.add_metric([one.name, "parked"], float(one.parked))
        paused.add_metric([one.name], float(one.is_paused))
        spared.add_metric([one.name], float(one.open_until is not None))
    yield from (deliveries, paused, spared)


def up(name: str, words: str, answer: str | None) -> Metric:
    return GaugeMetricFamily(name, words, float(answer is not None))


def is_halted(progress: Progress) -> bool:
    return progress.checkpoint.status == "halted"


OF_A_PROJECTION: dict[str, tuple[str, Callable[[Progress], float | None]]] = {
    "event_processor_lag": ("Events that it reads and has not read.", lambda one: one.lag),
    "fleetlog_projection_halted": ("Whether it waits for a person.", is_halted),
    "fleetlog_projection_parked_streams": ("Streams set aside.", lambda one: one.parked_streams),
}
