"""A projection for tests, known to their workers only: what was sipped, as far as it agrees."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from sqlalchemy import Column, Integer, String, Table

from store.projection import RowProjection, read_models
from store.recorded import RecordedEvent
from tests.integration.flasks import IGNORED, STOMACH, UNLUCKY, Sipped


@dataclass(frozen=True, slots=True)
class FlaskEntry:
    flask_id: str
    sips: int
    drops: str


board = Table(
    "flask_board",
    read_models,
    Column("flask_id", String(255), primary_key=True),
    Column("sips", Integer, nullable=False),
    Column("drops", String, nullable=False),
)


class FlaskBoard(RowProjection[FlaskEntry], name="flask_board"):
    row = FlaskEntry
    table = board
    aggregate_types = frozenset({"Flask"})
    ignorable = frozenset({os.environ.get(IGNORED, "")} - {""})

    def evolve_row(self, row: FlaskEntry | None, event: RecordedEvent) -> FlaskEntry | None:
        drop = cast("Sipped", event.event).drop
        if drop == UNLUCKY and Path(os.environ[STOMACH]).exists():
            raise ValueError("this does not agree with me")
        before = row or FlaskEntry(event.aggregate_id, 0, "")
        return FlaskEntry(event.aggregate_id, before.sips + 1, f"{before.drops} {drop}")
