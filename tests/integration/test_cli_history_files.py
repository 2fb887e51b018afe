"""The real logs come in whole and go out equal, field by field."""

import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.integration.screens import told

DATA = Path(__file__).parents[3] / "shared" / "data"
LOGS = {"helpdesk": 21_348, "permit": 8_577}


def log(name: str) -> Path:
    path = DATA / f"{name}.cloudevents.jsonl.gz"
    if not path.exists():
        pytest.skip("the real logs are not beside this checkout")
    return path


def cloud_events(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt") as lines:
        found = [json.loads(line) for line in lines]
    return [{**one, "time": datetime.fromisoformat(one["time"])} for one in found]


@pytest.mark.usefixtures("idle")
def test_the_real_logs_come_in_whole_and_go_out_equal(tmp_path: Path) -> None:
    for name, events in LOGS.items():
        taken = told("import", str(log(name)), "--json")
        file = tmp_path / f"{name}.jsonl.gz"
        written = told("export", str(file), "--aggregate-type", name, "--json")

        assert (taken.status, taken.json["new"], taken.json["repeats"]) == (0, events, 0)
        assert written.json["events"] == events
        assert cloud_events(file) == cloud_events(log(name))
