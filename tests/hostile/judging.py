"""What a refusal must say, and what must be found in the store afterwards."""

from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import psutil
from redis import Redis

from store.engine import Role
from store.storable import CONTROL, printable
from tests.hostile.generate import Hostile
from tests.hostile.odd import as_python
from tests.polling import eventually
from tests.processes import Process
from workers import dead_letters
from workers.dead_letters import WAITING
from workers.fleet import fleet

QUEUES = ("commands", "projections", "maintenance")
SECONDS = 90

KEPT = """
select command_id, command_type, aggregate_id, status, payload::text, error::text
from fleetlog.commands order by accepted_no
"""


class Kept(NamedTuple):
    """One row of the table of commands."""

    command_id: UUID
    command_type: str
    aggregate_id: str
    status: str
    payload: str
    error: str | None

    @property
    def fields(self) -> Any:
        return msgspec.json.decode(self.payload)

    @property
    def message(self) -> str:
        return str(msgspec.json.decode(self.error or "{}").get("message"))


def names_the_field(hostile: Hostile, message: str) -> bool:
    """Whether a refusal says which field of which command is wrong, in words fit for a screen."""
    place = f"{hostile.command_type}.{printable(hostile.field)}"
    return place in message and not CONTROL.search(message)


def kept() -> list[Kept]:
    with fleet.database.connect(Role.READER) as connection:
        return [Kept(*row) for row in connection.execute(KEPT, binary=True)]


def as_sent(hostile: Hostile) -> tuple[str, str, Any]:
    return hostile.command_type, hostile.aggregate_id, as_python(hostile.fields)


def as_kept(row: Kept) -> tuple[str, str, Any]:
    return row.command_type, row.aggregate_id, row.fields


def differing_streams() -> list[str]:
    """Return the streams whose events do not say what their commands said."""
    asked: dict[str, list[Any]] = {}
    for row in kept():
        if row.status == "done":
            asked.setdefault(row.aggregate_id, []).append(told(row.command_type, row.fields))
    return [id for id, things in asked.items() if found(id) != things]


def told(command_type: str, fields: dict[str, Any]) -> Any:
    """Return what the event of a command must say: the rest of it."""
    match command_type:
        case "Put":
            return {"thing": fields["thing"]}
        case "Ring":
            return {"note": fields["note"]}
        case "Label":
            return {"text": fields["text"]}
        case _:
            return fields


def found(aggregate_id: str) -> list[Any]:
    events = fleet.store.load_events(aggregate_id)
    classes = {type(event.event).__name__ for event in events}  # each can be decoded

    assert classes <= {event.event_type for event in events}
    return [event.payload for event in events]


def family(worker: Process) -> set[int]:
    """Return the worker's own process and its children."""
    return {worker.pid, *(child.pid for child in psutil.Process(worker.pid).children())}


def settle(broker: Redis, worker: Process) -> None:
    """Wait until the broker is empty, and what was set aside is in its table."""

    def is_quiet() -> bool:
        dead_letters.collect()
        return broker.hlen("unacked") == 0 and not any(
            broker.llen(name) for name in (*QUEUES, WAITING)
        )

    eventually(lambda: is_quiet() or not worker.is_alive, SECONDS)
