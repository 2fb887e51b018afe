"""Whether the broker keeps what it is given."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from workers.fleet import fleet
from workers.hazards import Hazard
from workers.safety.findings import Finding

POLICY, APPEND_ONLY, SAVE = "maxmemory-policy", "appendonly", "save"


@dataclass(frozen=True)
class Habits:
    """What the broker said of itself; None: it would not say."""

    policy: str | None
    append_only: bool | None
    snapshots: bool | None


def findings_if_there() -> list[Finding]:
    """Look at the broker; one that is away is a warning."""
    try:
        return list(findings())
    except RedisError as error:
        why = next(iter(str(error).splitlines()), type(error).__name__)
        return [Finding(f"the broker was not checked, because it is out of reach: {why}")]


def findings() -> Iterator[Finding]:
    """Yield what is wrong with the broker; raises RedisError if it is out of reach."""
    habits = habits_of(fleet.redis)
    if habits.policy not in {None, "noeviction"}:
        yield Finding(
            f"the broker's maxmemory-policy is {habits.policy}: short of memory it throws away "
            "messages and locks without a word; set maxmemory-policy noeviction",
            Hazard.EVICTION,
        )
    if habits.append_only is False and habits.snapshots is False:
        yield Finding(
            "the broker has neither appendonly nor save: its restart loses every message, and "
            "commands sent as bare messages are lost for good; set appendonly yes",
            Hazard.NO_PERSISTENCE,
        )
    elif habits.append_only is False and habits.snapshots:
        yield Finding(
            "the broker has save but not appendonly: its crash loses the messages since the last "
            "snapshot, and commands sent as bare messages for good; set appendonly yes"
        )
    yield from unknown(habits)


def unknown(habits: Habits) -> Iterator[Finding]:
    """Yield what could not be checked, and has to be seen to by a person."""
    if habits.policy is None:
        yield Finding(
            "the broker does not tell its maxmemory-policy: make sure that it is noeviction, or "
            "let our user run INFO"
        )
    if habits.append_only is None or (habits.append_only is False and habits.snapshots is None):
        yield Finding(
            "the broker does not tell whether it persists: make sure of appendonly yes, or let "
            "our user run INFO and CONFIG GET"
        )


def habits_of(redis: Redis) -> Habits:
    """Ask CONFIG; where that is refused, as to users with few rights, INFO says most of it."""
    told = configured(redis)
    if POLICY in told and APPEND_ONLY in told:
        save = told.get(SAVE)
        return Habits(
            told[POLICY], told[APPEND_ONLY] == "yes", None if save is None else save != ""
        )
    policy = informed(redis, "memory").get("maxmemory_policy")
    append_only = informed(redis, "persistence").get("aof_enabled")
    return Habits(policy, None if append_only is None else bool(append_only), None)


def configured(redis: Redis) -> dict[str, str]:
    try:
        told: Any = redis.config_get(POLICY, APPEND_ONLY, SAVE)
    except ResponseError:  # no right to, renamed away, or never there
        return {}
    return {as_text(name): as_text(value) for name, value in told.items()}


def informed(redis: Redis, section: str) -> dict[str, Any]:
    try:
        told: Any = redis.info(section)
    except ResponseError:
        return {}
    return dict(told)


def as_text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
