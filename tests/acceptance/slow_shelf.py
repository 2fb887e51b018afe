"""A projection for tests that is slow at will: `FLEETLOG_DOMAIN=…,tests.acceptance.slow_shelf`."""

import os
import time
from pathlib import Path
from typing import Any

from store.recorded import RecordedEvent
from tests.toy_shelf import ToyShelf

PLACE = "SLOW_SHELF"  # a folder: as long as it holds a file `wait`, nobody gets on with a batch
WAIT, HERE = "wait", "here"


class SlowShelf(ToyShelf, name="toy_shelf"):
    """The shelf of toys; whoever waits says so, by its process id, in a file."""

    def evolve_row(self, row: Any, event: RecordedEvent) -> Any:
        place = Path(os.environ[PLACE])
        while (place / WAIT).exists():
            (place / HERE).write_text(str(os.getpid()))
            time.sleep(0.01)
        return super().evolve_row(row, event)
