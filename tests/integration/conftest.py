"""What many of these tests begin with."""

from uuid import uuid4

import pytest

from store.engine import Database
from store.inbox import Inbox


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(database)


@pytest.fixture
def toy() -> str:
    """A name that no other test uses, for those that share a database."""
    return f"toy-{uuid4().hex[:12]}"
