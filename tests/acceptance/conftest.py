"""A fleet for each test: its own servers, its own home."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import store.read_models  # noqa: F401 - so that its tables are made
from store.migrations.running import migrate
from store.projection import projection
from store.read_model_tables import prepare
from tests.acceptance.fleet import Fleet
from workers.embedded import servers
from workers.settings import sqlalchemy_url

OURS = ("user_directory", "order_board")


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with TemporaryDirectory(prefix="fleetlog-") as place:
        home = Path(place)
        with servers(home, durable=False, postgres_settings={"synchronous_commit": "on"}) as found:
            migrate(sqlalchemy_url(found.migration_url))
            fleet = Fleet(home, found)
            prepare(fleet.database, [p for name in OURS if (p := projection(name))])
            try:
                yield fleet
            finally:
                fleet.stop()
