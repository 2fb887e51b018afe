"""What a person on call asks first: do the servers answer, does work flow, is anything parked?"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from store import dead_letters
from store.engine import Role
from store.event_store import read_safe_position
from workers.app import QUEUES, app
from workers.console import figures
from workers.console.delivery_figures import Standing, standings
from workers.console.failures import explain
from workers.console.figures import Commands, Progress
from workers.console.output import counted, span
from workers.dead_letters import WAITING
from workers.fleet import fleet
from workers.safety import Verdict, broker, database, judge, schema

IN_HAND = "unacked"  # what workers took and have not acknowledged, as kombu keeps it
PING_SECONDS = 1.0
OLD_SECONDS = 120.0
OUT_OF_REACH = (BrokerError, DBAPIError, RedisError, psycopg.Error)


@dataclass
class Health:
    """What was found; a part that could not be asked stays None, and `problems` say why."""

    database: str | None = None
    schema: str | None = None
    events: int | None = None
    events_exact: bool = True
    safe_position: int | None = None
    commands: Commands | None = None
    projections: list[Progress] = field(default_factory=list)
    subscriptions: list[Standing] = field(default_factory=list)
    broker: str | None = None
    queues: dict[str, int] = field(default_factory=dict)
    workers: list[str] | None = None
    dead_letters: int = 0
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def parked_commands(self) -> int:
        """How many commands were set aside."""
        return self.commands.by_status.get("parked", 0) if self.commands else 0


def examine() -> Health:
    """Ask everything; what does not answer is a problem, never an error."""
    health = Health()
    for ask in (ask_database, ask_broker, ask_workers):
        attempt(health, ask)
    weigh(health)
    return health


def attempt(health: Health, ask: Callable[[Health], None]) -> None:
    try:
        ask(health)
    except OUT_OF_REACH as error:
        health.problems.append(str(explain(error)))


def ask_database(health: Health) -> None:
    """Count what the tables hold."""
    health.schema = schema.version_found()
    misfit = schema.misfit(health.schema)
    verdict = judge([misfit] if misfit else [])
    note(health, verdict)
    if verdict.errors:
        return
    note(health, judge(database.findings()))
    with fleet.database.connect(Role.READER) as connection:
        health.database = f"PostgreSQL {figures.server_version(connection)}"
        health.events, health.events_exact = figures.count(connection, "events")
        health.safe_position = read_safe_position(connection)
        health.commands = figures.commands(connection)
        health.projections = figures.progress(connection)
        health.subscriptions = standings(connection)
        health.dead_letters += dead_letters.count(connection)


def ask_broker(health: Health) -> None:
    """Measure the queues."""
    lengths = {queue: fleet.redis.llen(queue) for queue in QUEUES}
    health.queues = {**lengths, "in hand": fleet.redis.hlen(IN_HAND)}
    health.dead_letters += fleet.redis.llen(WAITING)
    health.broker = server_name(fleet.redis.info("server"))
    note(health, judge(broker.findings()))


def ask_workers(health: Health) -> None:
    """Call all workers; who does not answer within a second counts as absent."""
    if health.broker is not None:
        answers = app.control.ping(timeout=PING_SECONDS) or []
        health.workers = sorted(name for answer in answers for name in answer)


def note(health: Health, verdict: Verdict) -> None:
    """Take over what the servers were found to be."""
    health.problems += verdict.errors
    health.warnings += verdict.warnings


def weigh(health: Health) -> None:
    """Add what a person should look at."""
    if health.workers == []:
        health.problems.append("no worker answers; start one with: fleetlog up")
    health.problems += [p.problem for p in health.projections if p.problem]
    health.problems += [one.problem for one in health.subscriptions if one.problem]
    health.warnings += [one.warning for one in health.subscriptions if one.warning]
    if health.parked_commands:
        health.problems.append(
            f"{counted(health.parked_commands, 'command')} parked; look: "
            "fleetlog commands --status parked, then: fleetlog retry --all-parked"
        )
    oldest = health.commands.oldest if health.commands else None
    if oldest is not None and oldest > OLD_SECONDS:
        health.problems.append(
            f"the oldest accepted command waits for {span(oldest)}; do workers and beat run?"
        )
    if health.dead_letters:
        were, them = ("was", "it") if health.dead_letters == 1 else ("were", "them")
        health.problems.append(
            f"{counted(health.dead_letters, 'message')} {were} set aside, because no worker could "
            f"take {them}; look: fleetlog dead-letters"
        )


def server_name(info: Any) -> str:
    """Return the broker's name and version, whichever of the two families it is of."""
    for name, key in (("Valkey", "valkey_version"), ("Redis", "redis_version")):
        if key in info:
            return f"{name} {info[key]}"
    return "unknown"
