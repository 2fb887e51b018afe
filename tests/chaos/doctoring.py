"""Changing what nobody may change, for the checker to find."""

import psycopg

from tests.conftest import TestDatabase

BY_HAND = "alter table fleetlog.events disable trigger user"


def doctor(database: TestDatabase, statement: str, *parameters: object) -> None:
    """Change what nobody may, as a superuser who knows no triggers; it must change something."""
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(BY_HAND)
        changed = connection.execute(statement.encode(), parameters)
        assert changed.rowcount > 0, statement


def promises(findings: list[str]) -> set[str]:
    """Return which promises were found broken."""
    return {finding.partition(":")[0] for finding in findings}
