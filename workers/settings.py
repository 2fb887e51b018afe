"""What the environment says: one frozen class, loaded once."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from workers.hazards import Hazard

PREFIX = "FLEETLOG_"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
POSTGRES_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
BROKER_SCHEMES = ("redis", "rediss", "unix", "redis+socket")
SECRETS = frozenset(
    {"app_password", "database_url", "migration_url", "redis_url", "dashboard_password"}
)


class SettingsError(ValueError):
    """The environment asks for what cannot be; the message is for the person who set it."""


def sqlalchemy_url(url: str) -> str:
    """Return `url` with the driver named, as SQLAlchemy and Alembic want it."""
    return "postgresql+psycopg://" + rest_of(url, POSTGRES_SCHEMES)


def broker_url(url: str) -> str:
    """Return `url` as Celery writes it: only the scheme of a Unix socket differs."""
    return f"redis+socket://{url.removeprefix('unix://')}" if url.startswith("unix://") else url


def redis_url(url: str) -> str:
    """Return `url` as the Redis client writes it: only the scheme of a Unix socket differs."""
    rest = url.removeprefix("redis+socket://")
    return url if rest == url else f"unix://{rest}"


def rest_of(url: str, schemes: tuple[str, ...]) -> str:
    """Return what follows the scheme, which must be one of `schemes`; never repeat the rest."""
    scheme, separator, rest = url.partition("://")
    wanted = ", ".join(f"{name}://" for name in schemes)
    if not separator:
        raise SettingsError(f"this is no URL: it must start with one of {wanted}")
    if scheme not in schemes:
        raise SettingsError(f"the scheme {scheme}:// is not supported: use one of {wanted}")
    return rest


def a_database(url: str | None) -> str | None:
    if url is not None:
        rest_of(url, POSTGRES_SCHEMES)
    return url


def a_broker(url: str | None) -> str | None:
    if url is not None:
        rest_of(url, BROKER_SCHEMES)
    return url


def module_names(value: object) -> object:
    """Split at commas; what is no module name could only fail later, at an import."""
    names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
    if isinstance(names, list):
        names = tuple(name for name in names if name)
        for name in names:
            if not all(part.isidentifier() for part in name.split(".")):
                raise SettingsError(f"{name!r} is not the name of a module, like acme.billing")
    return names


def hazards(value: object) -> object:
    """Split at commas; a misspelt name would allow nothing, and that would show too late."""
    names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
    if isinstance(names, list):
        names = tuple(name for name in names if name)
        for name in names:
            if name not in set(map(str, Hazard)):
                raise SettingsError(f"{name!r} is not one of {', '.join(Hazard)}")
    return names


def a_log_level(value: str) -> str:
    if value.upper() not in LOG_LEVELS:
        raise SettingsError(f"a log level is one of {', '.join(LOG_LEVELS)}")
    return value.upper()


DatabaseUrl = Annotated[str | None, AfterValidator(a_database)]
BrokerUrl = Annotated[str | None, AfterValidator(a_broker)]
Modules = Annotated[tuple[str, ...], NoDecode, BeforeValidator(module_names), Field(min_length=1)]
Hazards = Annotated[tuple[Hazard, ...], NoDecode, BeforeValidator(hazards)]
Place = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
LogLevel = Annotated[str, AfterValidator(a_log_level)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """Every setting, under the name of its environment variable or `FLEETLOG_` and the field's."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_prefix=PREFIX,
        env_ignore_empty=True,
        validate_default=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    database_url: DatabaseUrl = Field(default=None, validation_alias="DATABASE_URL")
    """PostgreSQL as the fleet's login role; unset: the embedded server under `home`."""
    migration_url: DatabaseUrl = None
    """PostgreSQL as the role that owns the schema; unset: `database_url`."""
    app_password: SecretStr | None = None
    """What `migrate` makes the password of the login role `fleetlog_app`; unset: left alone."""
    redis_url: BrokerUrl = Field(default=None, validation_alias="REDIS_URL")
    """Broker and locks; unset: the embedded Valkey under `home`."""
    checkpoint_interval_ms: int = Field(
        default=1000, ge=10, validation_alias="CHECKPOINT_INTERVAL_MS"
    )
    """How often the beat advances every projection."""
    snapshot_every: Count = Field(default=100, validation_alias="SNAPSHOT_EVERY")
    """Events of one stream between two of its snapshots."""

    domain: Modules = ("domain.users", "domain.orders", "store.read_models")
    """Modules imported at start; what they define is registered and gets its tasks."""
    home: Place = Path(".fleetlog")
    """Where the embedded servers keep their data."""

    concurrency: Count = 2
    """Tasks that one worker works on at once."""
    command_attempts: Count = 5
    """Counted attempts after which a command is parked."""
    relay_after_seconds: Seconds = 15.0
    """Age from which a command still accepted is published again."""
    visibility_timeout_seconds: Count = 90
    """
    Time after which the broker gives an unacknowledged message to another worker: the time
    limit of a task, a worker's slow farewell, and the broker's sweep.
    """
    task_time_limit_seconds: Count = 60
    """Time after which a task is killed; below the visibility timeout, or it would run twice."""

    lock_lease_seconds: Seconds = 10.0
    """How long a projection's lock, or the beat's, outlives a holder that does not extend it."""
    advance_budget_seconds: Seconds = 5.0
    """How long one `advance` works before it lets others in; below the lease."""
    doorbell: bool = True
    """
    Whether commands wake the projections they concern; off: the beat alone does, so that batches
    are larger and read models a tick behind.
    """
    batch_size: int = Field(default=1000, ge=1, le=10_000)
    """Events that a projection folds in one transaction."""

    rebuild_shares: int = Field(default=4, ge=1, le=64)
    """How many build a projection's next generation side by side, where its fold allows it."""
    rebuild_changed: bool = False
    """Whether a projection is rebuilt unasked when the version of its code has changed."""

    aggregate_cache_size: int = Field(default=10_000, ge=0)
    """Aggregates that one worker process keeps in memory; 0: none."""
    aggregate_cache_ttl_seconds: Seconds = 300.0
    """How long it keeps one that nobody asks for."""

    dashboard_address: str = "127.0.0.1"
    """Interface the dashboard listens on."""
    dashboard_port: int = Field(default=5555, ge=1, le=65_535)
    """Port the dashboard listens on."""
    dashboard_user: str = "operator"
    """Who may look at the dashboard."""
    dashboard_password: SecretStr | None = None
    """With which password; unset: one is made up at start and printed."""

    allow_unsafe: Hazards = ()
    """What the fleet starts with although it is unsafe, by the names that its refusal tells."""

    log_level: LogLevel = "INFO"
    """Least important level that is logged."""
    log_format: Literal["console", "json"] = "console"
    """Lines for people, or one JSON object a line."""

    @model_validator(mode="after")
    def _limits_fit_together(self) -> Self:
        self._require_below("task_time_limit_seconds", "visibility_timeout_seconds")
        self._require_below("advance_budget_seconds", "lock_lease_seconds")
        return self

    def _require_below(self, lower: str, upper: str) -> None:
        if getattr(self, lower) >= getattr(self, upper):
            raise SettingsError(
                f"{variable(lower)} is {getattr(self, lower)}: it must be below "
                f"{variable(upper)}, which is {getattr(self, upper)}. "
                "Lower the one or raise the other."
            )

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Hide the URLs: they carry passwords."""
        for name, value in super().__repr_args__():
            yield name, "**********" if name in SECRETS and value is not None else value


def variable(field: str) -> str:
    """Return the environment variable that sets `field`."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else PREFIX + field.upper()


@cache
def current_settings() -> Settings:
    """Read the environment, once for the life of the process; `cache_clear()` forgets."""
    try:
        return Settings()
    except ValidationError as error:
        # Without the cause: its text may quote what was given, and that may be a password.
        raise SettingsError("\n".join(map(sentence, error.errors()))) from None


def sentence(problem: ErrorDetails) -> str:
    """Say which variable is wrong, what it says unless that is a secret, and what to do."""
    cause = problem.get("ctx", {}).get("error")
    reason = str(cause) if cause else problem["msg"].replace("Input should", "it should")
    if not problem["loc"]:
        return reason  # about two settings: it names both itself
    field = next(
        name for name in Settings.model_fields if problem["loc"][0] in (name, variable(name))
    )
    given = "" if field in SECRETS else f" is {problem['input']!r}"
    return f"{variable(field)}{given}: {reason}. Change it, or unset it {instead(field)}."


def instead(field: str) -> str:
    """Say what an unset variable means."""
    default = Settings.model_fields[field].default
    if field in SECRETS or default == ():
        return "to do without"
    return f"for {','.join(default) if isinstance(default, tuple) else default}"
