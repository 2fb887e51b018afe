"""The deployment file: valid, closed to the outside, and without a secret in it."""

import re

import pytest

from tests.contract.compose import (
    ROOT,
    Compose,
    compose_commands,
    literal_secrets,
    one_shot,
    our_services,
    read_compose,
    schema_errors,
)


@pytest.fixture
def compose() -> Compose:
    return read_compose()


def test_the_file_obeys_the_compose_specification(compose: Compose) -> None:
    assert schema_errors(compose) == []


def test_a_misspelt_key_is_found(compose: Compose) -> None:
    worker = compose["services"]["worker"]
    worker["heathcheck"] = worker.pop("healthcheck")

    assert len(schema_errors(compose)) == 1
    assert "heathcheck" in schema_errors(compose)[0]


def test_only_the_dashboard_publishes_a_port_and_only_on_loopback(compose: Compose) -> None:
    ports = {name: s["ports"] for name, s in compose["services"].items() if "ports" in s}

    assert list(ports) == ["dashboard"]
    assert [port["host_ip"] for port in ports["dashboard"]] == ["127.0.0.1"]


def test_the_servers_are_reached_from_the_inside_only(compose: Compose) -> None:
    networks = {name: s["networks"] for name, s in compose["services"].items()}
    to_the_outside = [name for name, joined in networks.items() if joined != ["inside"]]

    assert compose["networks"]["inside"]["internal"] is True
    assert to_the_outside == ["dashboard"]


def test_every_service_is_locked_down(compose: Compose) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "cap_add", "network_mode", "pid"} & service.keys(), name


def test_nothing_runs_as_root(compose: Compose) -> None:
    users = {name: str(s["user"]).partition(":")[0] for name, s in compose["services"].items()}

    assert not {"", "0", "root"} & set(users.values())
    assert {users[name] for name in our_services(compose)} == {_user_of_the_image()}


def test_every_service_is_watched_unless_it_ends_by_itself(compose: Compose) -> None:
    unwatched = [name for name, s in compose["services"].items() if "healthcheck" not in s]

    assert [name for name in unwatched if not one_shot(compose, name)] == []


def test_no_secret_stands_in_the_file(compose: Compose) -> None:
    assert literal_secrets(compose) == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("POSTGRES_PASSWORD", "sesame"),
        ("VALKEYCLI_AUTH", "${FLEETLOG_BROKER_PASSWORD:-sesame}"),
        ("VALKEYCLI_AUTH", "${FLEETLOG_BROKER_PASSWORD}"),
        ("REDIS_URL", "redis://fleetlog:sesame@valkey:6379/0"),
    ],
)
def test_a_secret_with_a_value_or_without_a_demand_for_one_is_found(
    compose: Compose, variable: str, value: str
) -> None:
    compose["services"]["valkey"]["environment"] = {variable: value}

    assert literal_secrets(compose) == [f"valkey.{variable}"]


def test_no_command_line_is_given_a_variable_of_the_host(compose: Compose) -> None:
    commands = {name: str(s.get("command", "")) for name, s in compose["services"].items()}
    interpolated = [name for name, c in commands.items() if "$" in c.replace("$$", "")]

    assert interpolated == []


def test_one_image_runs_every_process_of_the_fleet() -> None:
    commands = compose_commands()

    assert list(commands) == ["migrate", "worker", "beat", "dashboard"]
    assert commands["migrate"] == ["fleetlog", "migrate"]
    assert all(commands[name][:3] == ["celery", "-A", "workers.app"] for name in list(commands)[1:])


def test_there_are_two_workers(compose: Compose) -> None:
    worker = compose["services"]["worker"]

    assert worker["deploy"]["replicas"] == 2
    assert "container_name" not in worker


def _user_of_the_image() -> str:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    users: list[str] = re.findall(r"^USER (\S+?):", dockerfile, re.MULTILINE)
    return users[-1]
