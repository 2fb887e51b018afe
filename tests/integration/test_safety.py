"""What the fleet refuses to start with, on servers that are really so."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from redis import Redis

from store.migrations.running import migrate
from tests.fleets import TestFleet, connected
from tests.integration.guarded import (
    SAFE,
    altered,
    at_version,
    configured,
    guarded_fleet,
    switched_off,
)
from workers import safety
from workers.embedded import servers
from workers.hazards import Hazard
from workers.safety import Verdict
from workers.settings import sqlalchemy_url

ALLOW = "FLEETLOG_ALLOW_UNSAFE"
MAY = "may change events beside the functions made for it"


@pytest.fixture(scope="module")
def guarded() -> Iterator[TestFleet]:
    with TemporaryDirectory(prefix="fleetlog-") as place, guarded_fleet(Path(place)) as made:
        yield made


@pytest.fixture
def redis(guarded: TestFleet) -> Iterator[Redis]:
    with guarded.client() as redis:
        yield redis


def examined(fleet: TestFleet, **environment: str) -> Verdict:
    with connected({**fleet.environment, **environment}):
        return safety.examine()


Making = Callable[[TestFleet, Redis], AbstractContextManager[None]]


def statement(do: str, undo: str) -> Making:
    return lambda fleet, _: altered(fleet.database, do, undo)


def setting(name: str) -> Making:
    return lambda fleet, _: switched_off(fleet.database, name)


def option(**options: str) -> Making:
    return lambda _, redis: configured(redis, **options)


def version(name: str) -> Making:
    return lambda fleet, _: at_version(fleet.database, name)


def granted(what: str, to: str) -> Making:
    return statement(f"grant {what} to {to}", f"revoke {what} from {to}")


EVENTS = "on fleetlog.events"
UNSAFE: dict[str, tuple[Hazard, Making, str]] = {
    "fsync": (Hazard.FSYNC, setting("fsync"), "PostgreSQL runs with fsync off"),
    "full_page_writes": (
        Hazard.FULL_PAGE_WRITES,
        setting("full_page_writes"),
        "PostgreSQL runs with full_page_writes off",
    ),
    "synchronous_commit_of_the_server": (
        Hazard.SYNCHRONOUS_COMMIT,
        setting("synchronous_commit"),
        "sessions of fleetlog_app have synchronous_commit off",
    ),
    "synchronous_commit_of_our_login": (
        Hazard.SYNCHRONOUS_COMMIT,
        statement(
            "alter role fleetlog_app set synchronous_commit = off",
            "alter role fleetlog_app reset synchronous_commit",
        ),
        "sessions of fleetlog_app have synchronous_commit off",
    ),
    "may_update": (
        Hazard.EVENT_RIGHTS,
        granted(f"update {EVENTS}", "fleetlog_reader"),
        f"{MAY}: UPDATE {EVENTS}",
    ),
    "may_update_one_column": (
        Hazard.EVENT_RIGHTS,
        granted(f"update (data) {EVENTS}", "fleetlog_writer"),
        f"the role fleetlog_writer, as whom fleetlog_app may act, {MAY}: UPDATE {EVENTS}",
    ),
    "may_delete_and_truncate": (
        Hazard.EVENT_RIGHTS,
        granted(f"delete, truncate {EVENTS}", "fleetlog_app"),
        f"the role fleetlog_app {MAY}: DELETE, TRUNCATE {EVENTS}",
    ),
    "may_insert": (
        Hazard.EVENT_RIGHTS,
        granted(f"insert {EVENTS}", "fleetlog_projector"),
        f"the role fleetlog_projector, as whom fleetlog_app may act, {MAY}: INSERT {EVENTS}",
    ),
    "may_become_the_owner": (
        Hazard.EVENT_RIGHTS,
        granted("fleetlog_owner", "fleetlog_app"),
        f"the role fleetlog_owner, as whom fleetlog_app may act, {MAY}: INSERT, UPDATE, DELETE",
    ),
    "older_schema": (
        Hazard.OLDER_SCHEMA,
        version("0001"),
        "the database is at schema version 0001, this code needs ",
    ),
    "newer_schema": (
        Hazard.NEWER_SCHEMA,
        version("9999"),
        "a newer fleetlog has migrated it",
    ),
    "evicting": (
        Hazard.EVICTION,
        option(maxmemory_policy="allkeys-lru"),
        "the broker's maxmemory-policy is allkeys-lru",
    ),
    "not_persisting": (
        Hazard.NO_PERSISTENCE,
        option(appendonly="no", save=""),
        "the broker has neither appendonly nor save",
    ),
}


def test_what_is_safe_is_started_without_a_word(guarded: TestFleet) -> None:
    assert examined(guarded) == Verdict()


@pytest.mark.parametrize("case", UNSAFE)
def test_what_is_unsafe_is_an_error_that_says_by_which_name_it_is_allowed(
    guarded: TestFleet, redis: Redis, case: str
) -> None:
    hazard, making, words = UNSAFE[case]
    with making(guarded, redis):
        refused = examined(guarded)
        allowed = examined(guarded, **{ALLOW: hazard})
        others = examined(guarded, **{ALLOW: ",".join(name for name in Hazard if name != hazard)})

    assert refused.warnings == ()
    assert refused.errors
    assert all(words in error for error in refused.errors)
    assert all(error.endswith(f"; to accept that: {ALLOW}={hazard}") for error in refused.errors)
    assert allowed.errors == ()
    assert len(allowed.warnings) == len(refused.errors)
    assert all(words in warning for warning in allowed.warnings)
    assert others == refused
    assert examined(guarded) == Verdict()


def test_every_finding_is_told_at_once(guarded: TestFleet, redis: Redis) -> None:
    with (
        switched_off(guarded.database, "fsync"),
        granted(f"delete {EVENTS}", "fleetlog_writer")(guarded, redis),
        configured(redis, maxmemory_policy="volatile-lru", appendonly="no"),
    ):
        found = examined(guarded)

    assert [error.rpartition("=")[2] for error in found.errors] == [
        *(Hazard.FSYNC, Hazard.EVENT_RIGHTS, Hazard.EVICTION, Hazard.NO_PERSISTENCE)
    ]


def test_a_superuser_is_no_login_for_the_fleet(guarded: TestFleet) -> None:
    refused = examined(guarded, DATABASE_URL=guarded.database.admin_url)

    (said,) = refused.errors
    assert said.startswith("the fleet logs in as postgres, who is a superuser")
    assert said.endswith(f"{ALLOW}={Hazard.SUPERUSER}")


def test_a_standby_is_no_database_for_the_fleet(tmp_path: Path) -> None:
    with servers(tmp_path, durable=False, postgres_settings=SAFE) as primary:
        migrate(sqlalchemy_url(primary.migration_url))
    (tmp_path / "postgres" / "standby.signal").touch()
    with (
        servers(tmp_path, durable=False, postgres_settings=SAFE) as standby,
        connected({"DATABASE_URL": standby.database_url, "REDIS_URL": standby.redis_url}),
    ):
        refused = safety.examine()

    (said,) = refused.errors
    assert said.startswith("the database is a standby: nothing can be stored in it")
    assert said.endswith(f"{ALLOW}={Hazard.STANDBY}")


def test_a_database_that_was_never_migrated_cannot_be_allowed(guarded: TestFleet) -> None:
    bare = guarded.database.url.replace(f"/{guarded.database.name}?", "/postgres?")
    refused = examined(guarded, DATABASE_URL=bare, **{ALLOW: ",".join(Hazard)})

    assert refused.errors == ("the database was never migrated; run: fleetlog migrate",)


LIMITED = ("+@all", "-@admin", "-@dangerous")


@contextmanager
def broker_user(redis: Redis, fleet: TestFleet, *more: str) -> Iterator[str]:
    """Lend the address of the broker for a user who has few rights, and these."""
    redis.acl_setuser(
        "limited",
        enabled=True,
        passwords=["+sesame"],
        keys=["*"],
        channels=["*"],
        categories=LIMITED,
        commands=more,
    )
    try:
        yield fleet.redis_url.replace("unix://", "unix://limited:sesame@")
    finally:
        redis.acl_deluser("limited")


def test_a_broker_that_refuses_config_is_judged_by_what_info_says(
    guarded: TestFleet, redis: Redis
) -> None:
    with broker_user(redis, guarded, "+info") as url:
        well = examined(guarded, REDIS_URL=url)
        with configured(redis, maxmemory_policy="allkeys-lru"):
            evicting = examined(guarded, REDIS_URL=url)
        with configured(redis, appendonly="no"):
            forgetful = examined(guarded, REDIS_URL=url)

    assert well == Verdict()
    assert [error.rpartition("=")[2] for error in evicting.errors] == [Hazard.EVICTION]
    assert forgetful.errors == ()
    assert [words(said) for said in forgetful.warnings] == ["whether it persists"]


def test_a_broker_that_says_nothing_of_itself_is_a_warning(
    guarded: TestFleet, redis: Redis
) -> None:
    with broker_user(redis, guarded) as url:
        found = examined(guarded, REDIS_URL=url)

    assert found.errors == ()
    assert [words(said) for said in found.warnings] == [
        "its maxmemory-policy",
        "whether it persists",
    ]


def words(warning: str) -> str:
    """Return what the broker does not tell."""
    return warning.removeprefix("the broker does not tell ").partition(":")[0]


def test_a_broker_that_only_takes_snapshots_is_a_warning(guarded: TestFleet, redis: Redis) -> None:
    with configured(redis, appendonly="no", save="60 1000"):
        found = examined(guarded)

    assert found.errors == ()
    assert [said.partition(":")[0] for said in found.warnings] == [
        "the broker has save but not appendonly"
    ]


def test_a_broker_that_is_away_is_a_warning(guarded: TestFleet, tmp_path: Path) -> None:
    found = examined(guarded, REDIS_URL=f"unix://{tmp_path}/nobody.sock")

    assert found.errors == ()
    assert [said.partition(":")[0] for said in found.warnings] == [
        "the broker was not checked, because it is out of reach"
    ]
