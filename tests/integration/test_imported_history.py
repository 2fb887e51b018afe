"""History of other systems: kept as plain data, in order, and passed by by our projections."""

import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from store import checkpoints
from store.codec import Metadata, RawEvent
from store.engine import Database
from store.event_store import EventStore, Expected
from store.projector import Projector
from store.read_model_tables import prepare
from store.read_models.user_directory import UserDirectory

DATA = Path(__file__).parents[3] / "shared" / "data"
LINES = 4000


def cloud_events(name: str) -> list[dict[str, Any]]:
    path = DATA / f"{name}.cloudevents.jsonl.gz"
    if not path.exists():
        pytest.skip("the real logs are not beside this checkout")
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line, _ in zip(lines, range(LINES), strict=False)]


def import_all(store: EventStore, name: str) -> list[dict[str, Any]]:
    lines = cloud_events(name)
    for line in lines:
        store.append_events(
            line["subject"],
            Expected.ANY,
            [RawEvent(event_type=line["type"], data=line["data"])],
            aggregate_type=name,
            metadata=Metadata(actor=line["actor"], occurred_at=line["time"]),
        )
    return lines


@pytest.mark.parametrize("name", ["helpdesk", "permit"])
def test_a_real_log_is_read_back_as_it_was_written(store: EventStore, name: str) -> None:
    lines = import_all(store, name)

    read = store.get_all_events(0, LINES + 1)

    assert [(e.aggregate_id, e.event_type, e.payload) for e in read] == [
        (line["subject"], line["type"], line["data"]) for line in lines
    ]
    assert [(e.metadata.actor, e.metadata.occurred_at) for e in read] == [
        (line["actor"], line["time"]) for line in lines
    ]
    numbers = defaultdict(list)
    for event in read:
        numbers[event.aggregate_id].append(event.sequence_number)
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())


def test_a_projection_passes_by_what_no_class_claims(database: Database, store: EventStore) -> None:
    directory = UserDirectory()
    prepare(database, [directory])
    import_all(store, "permit")
    projector = Projector(database, directory, batch_size=500)

    advanced = projector.advance(checkpoints.take_over(database, directory.name, "test"))

    assert advanced.caught_up
    assert advanced.checkpoint.last_global_sequence == store.safe_position()
    assert advanced.checkpoint.status == "running"
