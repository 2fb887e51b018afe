"""The shelf of toys in two releases: `FLEETLOG_DOMAIN=…,tests.acceptance.released_shelf`."""

import os

from tests.toy_shelf import ToyEntry, ToyShelf, shelf

RELEASE = "TOY_SHELF_RELEASE"


class ReleasedShelf(ToyShelf, name="toy_shelf", version=int(os.environ[RELEASE])):
    """Which version this is, the environment says."""

    row, table = ToyEntry, shelf
