"""What the environment may say, and what is answered when it says nonsense."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from workers.hazards import Hazard
from workers.settings import (
    PREFIX,
    Settings,
    SettingsError,
    broker_url,
    current_settings,
    redis_url,
    sqlalchemy_url,
    variable,
)


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees what another test, or the person who runs them, has set."""
    ours = {variable(field) for field in Settings.model_fields}
    for name in os.environ:
        if name.upper() in ours or name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)
    current_settings.cache_clear()
    yield
    current_settings.cache_clear()


def refusal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """Return what a person who set this reads."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        current_settings()
    return str(refused.value)


def test_an_empty_environment_means_embedded_servers_under_the_current_directory() -> None:
    settings = current_settings()

    assert settings.database_url is settings.migration_url is settings.redis_url is None
    assert settings.home == Path.cwd() / ".fleetlog"
    assert settings.domain == ("domain.users", "domain.orders", "store.read_models")


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("SNAPSHOT_EVERY", "")

    assert current_settings().database_url is None
    assert current_settings().snapshot_every == 100


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("DATABASE_URL", "database_url"),
        ("REDIS_URL", "redis_url"),
        ("CHECKPOINT_INTERVAL_MS", "checkpoint_interval_ms"),
        ("SNAPSHOT_EVERY", "snapshot_every"),
        ("FLEETLOG_MIGRATION_URL", "migration_url"),
        ("FLEETLOG_BATCH_SIZE", "batch_size"),
    ],
)
def test_a_setting_is_read_from_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, field: str
) -> None:
    value = "redis://broker/0" if name == "REDIS_URL" else "postgresql://there/fleetlog"
    given = value if name.endswith("_URL") else "250"
    monkeypatch.setenv(name, given)

    assert str(getattr(current_settings(), field)) == given


def test_a_users_own_domain_is_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEETLOG_DOMAIN", "acme.billing, acme.crm,")

    assert current_settings().domain == ("acme.billing", "acme.crm")


def test_a_module_that_cannot_be_imported_by_name_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = refusal(monkeypatch, FLEETLOG_DOMAIN="acme.billing,acme/crm.py")

    assert said == (
        "FLEETLOG_DOMAIN is 'acme.billing,acme/crm.py': 'acme/crm.py' is not the name of a module, "
        "like acme.billing. Change it, or unset it for "
        "domain.users,domain.orders,store.read_models."
    )


def test_the_home_of_the_servers_may_start_with_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEETLOG_HOME", "~/fleet")

    assert current_settings().home == Path.home() / "fleet"


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = current_settings()
    monkeypatch.setenv("SNAPSHOT_EVERY", "7")

    assert current_settings() is before


def test_settings_cannot_be_changed() -> None:
    settings = current_settings()

    with pytest.raises(ValidationError):
        settings.batch_size = 1


def test_a_bad_value_is_answered_with_its_variable_what_was_given_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = refusal(monkeypatch, CHECKPOINT_INTERVAL_MS="fast")

    assert said == (
        "CHECKPOINT_INTERVAL_MS is 'fast': it should be a valid integer, "
        "unable to parse string as an integer. Change it, or unset it for 1000."
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHECKPOINT_INTERVAL_MS", "9"),
        ("SNAPSHOT_EVERY", "0"),
        ("FLEETLOG_BATCH_SIZE", "10001"),
        ("FLEETLOG_CONCURRENCY", "0"),
        ("FLEETLOG_DASHBOARD_PORT", "65536"),
        ("FLEETLOG_DOMAIN", ","),
        ("FLEETLOG_LOG_FORMAT", "xml"),
        ("FLEETLOG_LOG_LEVEL", "loud"),
        ("FLEETLOG_RELAY_AFTER_SECONDS", "inf"),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert refusal(monkeypatch, **{name: value}).startswith(f"{name} is '{value}': ")


def test_every_mistake_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal(monkeypatch, SNAPSHOT_EVERY="0", FLEETLOG_CONCURRENCY="many")

    assert [line.split()[0] for line in said.splitlines()] == [
        "SNAPSHOT_EVERY",
        "FLEETLOG_CONCURRENCY",
    ]


def test_what_may_be_unsafe_is_told_by_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEETLOG_ALLOW_UNSAFE", " fsync,, eviction ,")

    assert current_settings().allow_unsafe == (Hazard.FSYNC, Hazard.EVICTION)


def test_nothing_unsafe_is_allowed_by_itself() -> None:
    assert current_settings().allow_unsafe == ()


def test_an_unknown_name_of_what_may_be_unsafe_is_answered_with_the_names_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = refusal(monkeypatch, FLEETLOG_ALLOW_UNSAFE="fsync,fsnyc")

    assert said.startswith("FLEETLOG_ALLOW_UNSAFE is 'fsync,fsnyc': 'fsnyc' is not one of ")
    assert all(name in said for name in Hazard)
    assert said.endswith("Change it, or unset it to do without.")


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        ("FLEETLOG_TASK_TIME_LIMIT_SECONDS", "FLEETLOG_VISIBILITY_TIMEOUT_SECONDS"),
        ("FLEETLOG_ADVANCE_BUDGET_SECONDS", "FLEETLOG_LOCK_LEASE_SECONDS"),
    ],
)
def test_two_limits_in_the_wrong_order_are_named_both(
    monkeypatch: pytest.MonkeyPatch, lower: str, upper: str
) -> None:
    said = refusal(monkeypatch, **{lower: "60", upper: "60"})

    assert said.startswith(f"{lower} is 60")
    assert f"it must be below {upper}, which is 60" in said


@pytest.mark.parametrize("name", ["DATABASE_URL", "FLEETLOG_MIGRATION_URL", "REDIS_URL"])
def test_a_refused_url_is_never_repeated(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    said = refusal(monkeypatch, **{name: "mysql://app:hunter2@db/fleetlog"})

    assert said.startswith(f"{name}: the scheme mysql:// is not supported")
    assert "hunter2" not in said


def test_a_url_without_a_scheme_is_never_repeated_either(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal(monkeypatch, DATABASE_URL="app:hunter2@db/fleetlog")

    assert said.startswith("DATABASE_URL: this is no URL: it must start with one of postgresql://")
    assert "hunter2" not in said


def test_two_limits_in_the_wrong_order_give_no_password_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:hunter2@db/fleetlog")

    assert "hunter2" not in refusal(monkeypatch, FLEETLOG_LOCK_LEASE_SECONDS="1")


def test_printing_the_settings_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:hunter2@db/fleetlog")
    monkeypatch.setenv("FLEETLOG_MIGRATION_URL", "postgresql://owner:hunter2@db/fleetlog")
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2@broker/0")
    monkeypatch.setenv("FLEETLOG_DASHBOARD_PASSWORD", "hunter2")
    settings = current_settings()

    assert settings.database_url == "postgresql://app:hunter2@db/fleetlog"
    assert "hunter2" not in f"{settings!r} {settings}"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_sqlalchemy_is_told_the_driver(scheme: str) -> None:
    assert sqlalchemy_url(f"{scheme}://app@/db?host=/s") == "postgresql+psycopg://app@/db?host=/s"


def test_another_driver_is_refused_by_its_name() -> None:
    with pytest.raises(SettingsError, match=r"the scheme postgresql\+asyncpg:// is not supported"):
        sqlalchemy_url("postgresql+asyncpg://app:hunter2@db/fleetlog")


def test_celery_and_the_redis_client_each_get_their_name_for_a_socket() -> None:
    assert broker_url("unix:///run/valkey.sock") == "redis+socket:///run/valkey.sock"
    assert redis_url("redis+socket:///run/valkey.sock") == "unix:///run/valkey.sock"


def test_a_broker_on_the_network_is_called_the_same_by_both() -> None:
    assert broker_url("rediss://broker:6380/0") == "rediss://broker:6380/0"
    assert redis_url("rediss://broker:6380/0") == "rediss://broker:6380/0"


def test_every_setting_is_explained() -> None:
    unexplained = [name for name, field in Settings.model_fields.items() if not field.description]

    assert unexplained == []
