"""What may take long says so, to the server and to our own patience."""

import psycopg
import pytest

from store.comparing import frozen
from store.engine import PATIENCE, Database, Role

SLOW = "select pg_sleep(0.4)"


def test_a_comparison_outlasts_the_patience_that_others_have(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PATIENCE, Role.READER, 0.2)
    with frozen(database) as connection:
        answer = connection.execute(SLOW).fetchone()
    with database.connect(Role.READER) as other:
        is_pooled = other is connection
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            other.execute(SLOW)

    assert answer
    assert is_pooled
