"""The user directory on pyeventsourcing: its ProjectionRunner, doing the same upserts."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg import conninfo, sql

from store.engine import Connection

CHUNK = 1000
PATIENCE = 120.0  # seconds: an event is like another, so its rate is known by then
TABLE = """
create table if not exists rival.user_read_model
    (like fleetlog_read_models.user_read_model including all)
"""
PAST = (
    "select aggregate_id, sequence_number, event_type, timestamp, data::text "
    "from fleetlog.events order by global_sequence"
)
CREATE = """
insert into rival.user_read_model
    (user_id, username, email, is_active, created_at, last_updated)
values (%s, %s, %s, true, %s, %s) on conflict (user_id) do update
set username = excluded.username, email = excluded.email, is_active = excluded.is_active,
    created_at = excluded.created_at, last_updated = excluded.last_updated
"""
CHANGE = """
update rival.user_read_model
set email = coalesce(%s, email), is_active = coalesce(%s, is_active), last_updated = %s
where user_id = %s
"""


class Created(Aggregate.Event):
    username: str
    email: str


class Changed(Aggregate.Event):
    """What else happens to a user; None leaves a column as it is."""

    email: str | None
    is_active: bool | None


class Users(Application[UUID]):
    """Whose events the runner reads."""


class View(PostgresTrackingRecorder):
    """The table, written in one transaction with the tracking, as its manual has it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.sql_create_statements.append(sql.SQL(TABLE))

    def write(self, statement: str, values: Sequence[Any], tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(statement, values, prepare=True)


class Directory(Projection[View]):
    """The same fold, an event at a time."""

    name = "directory"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        at, user_id = domain_event.timestamp, user_of(domain_event.originator_id)
        if isinstance(domain_event, Created):
            created = (user_id, domain_event.username, domain_event.email, at, at)
            self.view.write(CREATE, created, tracking)
        else:
            changed = (domain_event.email, domain_event.is_active, at, user_id)
            self.view.write(CHANGE, changed, tracking)


def settings(url: str) -> dict[str, str]:
    """Return its settings for the server and role of this URL."""
    place = conninfo.conninfo_to_dict(url)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_SCHEMA": "rival",
        "POSTGRES_DBNAME": str(place["dbname"]),
        "POSTGRES_HOST": str(place["host"]),
        "POSTGRES_PORT": str(place["port"]),
        "POSTGRES_USER": str(place["user"]),
        "POSTGRES_PASSWORD": str(place.get("password", "")),
    }


def copy_past(bare: Connection, url: str) -> int:
    """Record in its own store what stands in ours, in its order; returns how many events."""
    bare.execute("create schema rival")
    users = Users(settings(url))
    events = past(bare)
    while chunk := [users.mapper.to_stored_event(event) for event in islice(events, CHUNK)]:
        users.recorder.insert_events(chunk)
    copied = int(users.recorder.max_notification_id())
    users.close()
    bare.execute("vacuum analyze rival.users_events")
    return copied


def past(bare: Connection) -> Iterator[Any]:
    for user_id, number, event_type, at, data in bare.execute(PAST).fetchall():
        fields = msgspec.json.decode(data)
        place = {"originator_id": id_of(user_id), "originator_version": number, "timestamp": at}
        if event_type == "UserCreated":
            email = fields["email"]
            name = fields.get("username") or email.partition("@")[0]
            yield Created(**place, username=name, email=email)
        else:
            is_active = {"UserDeactivated": False, "UserReactivated": True}.get(event_type)
            yield Changed(**place, email=fields.get("new_email"), is_active=is_active)


def id_of(user_id: str) -> UUID:
    """Return the same number as its kind of id."""
    return UUID(int=int(user_id.rpartition("-")[2]))


def user_of(id: UUID) -> str:
    return f"user-{id.int:06}"


def catch_up(bare: Connection, url: str) -> int:
    """Run the projection from an empty table, to the last event or until we know its rate."""
    for table in ("user_read_model", "directory_tracking"):
        if bare.execute("select to_regclass(%s)", (f"rival.{table}",)).fetchone() != (None,):
            bare.execute(sql.SQL("drop table rival.{}").format(sql.Identifier(table)))
    with ProjectionRunner(
        application_class=Users, projection_class=Directory, view_class=View, env=settings(url)
    ) as runner:
        last = runner.app.recorder.max_notification_id()
        with suppress(TimeoutError):
            runner.wait(last, timeout=PATIENCE)
        return int(runner.view.max_tracking_id(runner.app_name))
