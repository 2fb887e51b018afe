"""What the beat makes of the table in `beat_schedule.py`."""

import pytest

from tests.toy_shelf import ToyShelf
from workers import schedule
from workers.schedule import TICK, beat_entries

TABLE = [
    ("projections.advance", "*", 0.25),
    ("snapshots.notice", None, 10.0),
    ("reports.send", "monthly", 60.0),
]


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "HABITS", TABLE)


def test_every_habit_is_one_entry_with_its_argument() -> None:
    entries = beat_entries()

    assert entries["snapshots.notice"]["args"] == ()
    assert entries["snapshots.notice"]["schedule"] == 10.0
    assert entries["reports.send monthly"] == {
        "task": "reports.send",
        "args": ("monthly",),
        "schedule": 60.0,
        "options": {"headers": TICK},
    }


def test_a_star_stands_for_every_projection_that_is_declared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("store.projection._projections", {"a": named("a"), "b": named("b")})
    advancing = {e["args"] for e in beat_entries().values() if e["task"] == "projections.advance"}

    assert advancing == {("a",), ("b",)}


def named(name: str) -> ToyShelf:
    projection = ToyShelf()
    projection.name = name  # type: ignore[misc]  # one class for both
    return projection


def test_no_tick_depends_on_two_clocks_being_equal() -> None:
    assert not any("expires" in entry["options"] for entry in beat_entries().values())
