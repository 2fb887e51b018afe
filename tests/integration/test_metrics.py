"""What Prometheus gets from the dashboard: how the fleet stands, without asking anybody else."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from store.codec import RawEvent
from store.event_store import Expected
from store.projection import projections
from store.read_model_tables import prepare
from tests.fleets import TestFleet
from tests.integration.lent import shut
from tests.integration.scraping import metrics, scraped
from tests.polling import eventually
from workers.dead_letters import letter, post
from workers.fleet import fleet
from workers.projecting import advance

SECONDS = 30


@pytest.fixture
def metrics_url(idle: TestFleet) -> Iterator[str]:
    """The address of a dashboard's metrics, in a fleet where not all is well."""
    prepare(fleet.database, projections())
    unheard = RawEvent(event_type="Unheard", data={})
    fleet.store.append_events(uuid4().hex, Expected.NO_STREAM, [unheard], aggregate_type="User")
    advance("user_directory")
    post(letter("commands", "is for a test", b"x"))
    with metrics(idle) as url:
        yield url


def test_a_halted_projection_and_a_dead_letter_are_seen_by_prometheus(metrics_url: str) -> None:
    halted = 'fleetlog_projection_halted{projection="user_directory"} 1.0'
    eventually(lambda: halted in scraped(metrics_url), SECONDS)
    lines = scraped(metrics_url)

    assert 'fleetlog_projection_halted{projection="order_board"} 0.0' in lines
    assert 'event_processor_lag{projection="user_directory"} 1.0' in lines
    assert "fleetlog_dead_letters 1.0" in lines
    assert "fleetlog_database_up 1.0" in lines
    assert "fleetlog_broker_up 1.0" in lines


def test_a_database_that_is_away_is_seen_and_what_only_it_knows_is_left_out(
    metrics_url: str, idle: TestFleet
) -> None:
    eventually(lambda: "fleetlog_database_up 1.0" in scraped(metrics_url), SECONDS)
    with shut(idle.database):
        eventually(lambda: "fleetlog_database_up 0.0" in scraped(metrics_url), SECONDS)
        lines = scraped(metrics_url)

    assert "fleetlog_broker_up 1.0" in lines
    assert [line for line in lines if line.startswith("fleetlog_projection_halted{")] == []
