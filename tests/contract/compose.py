"""docker-compose.yml as the tests read it: what runs our image, and with which command."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from jsonschema import Draft202012Validator

Service: TypeAlias = dict[str, Any]
Compose: TypeAlias = dict[str, Any]

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads(Path(__file__).with_name("compose-spec.json").read_text(encoding="utf-8"))

REQUIRED = r"\$\{[A-Z_]+:\?[^}]+\}"
LOGIN = re.compile(r"://[^:/@]*:(?P<password>.+)@")
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|AUTH|KEY")


def read_compose() -> Compose:
    """Return the file with its anchors resolved and its variables left as they are written."""
    compose: Compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return compose


def our_services(compose: Compose) -> dict[str, Service]:
    """Return the services that run the image built from our Dockerfile."""
    return {name: s for name, s in compose["services"].items() if "build" in s}


def compose_commands() -> dict[str, list[str]]:
    """Return the argument vector of every service that runs our image, ready for `Popen`."""
    return {
        name: [argument.replace("$$", "$") for argument in service["command"]]
        for name, service in our_services(read_compose()).items()
    }


def schema_errors(compose: Compose) -> list[str]:
    """Return what the Compose Specification has against the file, with the place."""
    errors = Draft202012Validator(SCHEMA).iter_errors(compose)
    return [f"{error.json_path}: {error.message}" for error in errors]


def literal_secrets(compose: Compose) -> list[str]:
    """Return the variables whose secret is anything but a required one of the environment."""
    return [
        f"{name}.{variable}"
        for name, service in compose["services"].items()
        for variable, value in service.get("environment", {}).items()
        if any(not re.fullmatch(REQUIRED, secret) for secret in _secrets(variable, str(value)))
    ]


def one_shot(compose: Compose, name: str) -> bool:
    """Say whether the service is awaited to its end by others, and never started again."""
    awaited = [s.get("depends_on", {}).get(name, {}) for s in compose["services"].values()]
    ends = any(d.get("condition") == "service_completed_successfully" for d in awaited)
    return ends and compose["services"][name]["restart"] == "no"


def _secrets(variable: str, value: str) -> Iterator[str]:
    login = LOGIN.search(value)
    if login:
        yield login["password"]
    elif SECRET_NAME.search(variable):
        yield value
