"""What is told when there is no fleet to stand on, and how one is made."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from store.migrations.running import newest_version
from tests.databases import with_database
from tests.fleets import connected, forget_everything
from tests.integration.screens import told
from workers.embedded import Servers

ASKING = [
    ("status",),
    ("projections",),
    ("history", "ada"),
    ("commands",),
    ("submit", "CreateUser", "user_id=ada"),
    ("rebuild", "order_board"),
    ("retry", "--all-parked"),
]
UNREACHABLE = "postgresql://ada:swordfish@127.0.0.1:1/fleetlog"


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Name no server, and a home that is not there."""
    for name, value in {"DATABASE_URL": "", "REDIS_URL": "", "FLEETLOG_HOME": "none"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    forget_everything()
    yield
    forget_everything()


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("arguments", ASKING)
def test_asking_where_there_is_no_fleet_does_not_make_one(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    refused = told(*arguments)

    assert refused.status == 1
    assert refused.err.startswith(
        "Error: there is no fleet in none yet; start one with: fleetlog up"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def empty(running: Servers) -> Mapping[str, str]:
    """The environment of a database that nobody has migrated."""
    name = sql.Identifier("never_migrated")
    with psycopg.connect(running.migration_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {}").format(name))
        connection.execute(sql.SQL("create database {}").format(name))
    return {
        "DATABASE_URL": with_database(running.database_url, "never_migrated"),
        "FLEETLOG_MIGRATION_URL": with_database(running.migration_url, "never_migrated"),
        "REDIS_URL": running.redis_url,
    }


def test_a_database_that_was_never_migrated_is_told_with_what_to_do(
    empty: Mapping[str, str],
) -> None:
    with connected(empty):
        refused = told("history", "ada")

    assert refused.status == 1
    assert refused.err == ("Error: the database was never migrated; run: fleetlog migrate\n")


def test_migrate_says_the_version_it_reached_and_may_be_run_again(
    empty: Mapping[str, str],
) -> None:
    with connected(empty):
        first, second = told("migrate"), told("migrate")
        positions = told("projections", "--json").json

    assert first.status == 0, first.err
    assert first.out.startswith(f"the database is at schema version {newest_version()}; ")
    assert second.out == first.out
    lags = {one["name"]: one["lag"] for one in positions}
    assert lags.items() >= {"order_board": 0, "user_directory": 0}.items()


def test_migrate_sets_the_password_of_the_fleets_login(empty: Mapping[str, str]) -> None:
    with connected({**empty, "FLEETLOG_APP_PASSWORD": "correct horse"}):
        assert told("migrate").status == 0

    with psycopg.connect(empty["FLEETLOG_MIGRATION_URL"]) as connection:
        (stored,) = connection.execute(
            "select rolpassword from pg_authid where rolname = 'fleetlog_app'"
        ).fetchone() or ("",)
        assert stored.startswith("SCRAM-SHA-256$")
        connection.execute("alter role fleetlog_app password null")


def test_a_database_out_of_reach_is_told_without_its_password() -> None:
    with connected({"DATABASE_URL": UNREACHABLE, "REDIS_URL": "redis://127.0.0.1:1/0"}):
        refused = told("history", "ada", "--json")

    assert refused.status == 1
    assert (
        "the database at postgresql+psycopg://ada:***@127.0.0.1:1/fleetlog cannot be reached"
        in (refused.err)
    )
    assert "swordfish" not in refused.err


def test_the_status_tells_both_servers_that_are_out_of_reach() -> None:
    with connected({"DATABASE_URL": UNREACHABLE, "REDIS_URL": "redis://127.0.0.1:1/0"}):
        health = told("status")

    assert health.status == 1
    assert "✗ the database at" in health.err
    assert "✗ the broker at redis://127.0.0.1:1/0 cannot be used" in health.err


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("variable", ["CHECKPOINT_INTERVAL_MS", "FLEETLOG_CONCURRENCY"])
def test_a_bad_setting_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "often")
    refused = told("history", "ada", "--json")

    assert refused.status == 1
    assert json.loads(refused.err)["error"].startswith(f"{variable} is 'often': it should be ")
