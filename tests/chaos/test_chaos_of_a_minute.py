"""A minute of everything at once; `make chaos` has ten, and all of it."""

import os
import secrets
from pathlib import Path
from tempfile import mkdtemp

from tests.chaos.__main__ import close
from tests.chaos.plan import MINUTE
from tests.chaos.run import run

SEED = "FLEETLOG_CHAOS_SEED"


def test_a_minute_of_chaos_loses_nothing_and_does_nothing_twice() -> None:
    seed = int(os.environ.get(SEED) or secrets.randbelow(2**31))
    folder = Path(mkdtemp(prefix="fleetlog-"))
    report = run(MINUTE, seed, folder)
    print(report)
    close(report, folder, None)

    assert report.findings == [], report.head
    assert report.trouble == [], report.head
    assert report.missed == [], report.head
