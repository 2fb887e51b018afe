"""What the fleet does unasked, and how often. One line for each habit; "*" means each of them."""

import os

CHECKPOINT_INTERVAL = int(os.environ.get("CHECKPOINT_INTERVAL_MS") or 1000) / 1000

HABITS: list[tuple[str, str | None, float]] = [
    # task                  argument   every (seconds)
    ("projections.advance",  "*",      CHECKPOINT_INTERVAL),
    ("deliveries.tend",      None,     CHECKPOINT_INTERVAL),
    ("commands.relay",       None,     5.0),
    ("rebuilds.tend",        None,     2.0),
    ("snapshots.notice",     None,     10.0),
    ("dead_letters.collect", None,     5.0),
]  # fmt: skip
