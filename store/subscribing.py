"""Adding, pausing and removing subscriptions; each change in one transaction."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal, TypeAlias

import msgspec

from store import checkpoints
from store.engine import Connection, Database, Role
from store.event_store import read_safe_position
from store.outbox import Outbox, outbox_name
from store.subscriptions import (
    InvalidSubscriptionError,
    Secrets,
    Status,
    Subscription,
    UnknownSubscriptionError,
    check_subscription,
)

Start: TypeAlias = int | Literal["now", "start"]

COLUMNS = (
    "name, kind, endpoint, options::text, event_types::text, aggregate_types::text, status, "
    "start_position, created_at"
)
ALL = f"select {COLUMNS} from fleetlog.subscriptions order by name"  # noqa: S608 - our own names
ONE = f"select {COLUMNS} from fleetlog.subscriptions where name = %b"  # noqa: S608 - likewise
ACTIVE = "select from fleetlog.subscriptions where name = %b and status = 'active'"
INSERT = """
insert into fleetlog.subscriptions
    (name, kind, endpoint, options, event_types, aggregate_types, start_position)
values (%b, %b, %b, %b::text::jsonb, %b::text::jsonb, %b::text::jsonb, %b::bigint)
on conflict do nothing
"""
INSERT_CURSOR = """
insert into fleetlog.delivery_cursors (subscription, taken_to) values (%b, %b::bigint)
"""
INSERT_CHECKPOINT = """
insert into fleetlog.projection_checkpoints
    (projection_name, projection, version, last_global_sequence)
values (%b, %b, %b::integer, %b::bigint)
"""
SET_STATUS = "update fleetlog.subscriptions set status = %b where name = %b"
KEEP = "insert into fleetlog.subscription_secrets (subscription, secret) values (%b, %b::text)"
SECRETS = """
select secret from fleetlog.subscription_secrets
where subscription = %b and (expires_at is null or expires_at > clock_timestamp())
order by secret_no desc
"""
EXPIRE = """
update fleetlog.subscription_secrets set expires_at = clock_timestamp() + %b::interval
where subscription = %b and (expires_at is null or expires_at > clock_timestamp() + %b::interval)
"""
FORGET_EXPIRED = """
delete from fleetlog.subscription_secrets
where subscription = %b and expires_at <= clock_timestamp()
"""
PORTION = 5_000
DELETE_SOME = {
    table: f"""
delete from fleetlog.{table} where subscription = %b and global_sequence in (
    select global_sequence from fleetlog.{table} where subscription = %b
    order by global_sequence limit {PORTION})
"""  # noqa: S608 - our own names
    for table in ("deliveries", "outbox")
}
DELETE_CHECKPOINT = "delete from fleetlog.projection_checkpoints where projection_name = %b"
DELETE = "delete from fleetlog.subscriptions where name = %b"


class Subscriptions:
    """The table of them, with what belongs to each: secrets, cursor, checkpoint."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, wanted: Subscription, start: Start, secret: str | None) -> Subscription:
        """
        Store a subscription whose endpoint and options its channel has found right.

        "now" is the safe position at this moment: what is behind it will be sent, what is
        before it will not. Raises InvalidSubscriptionError.
        """
        check_subscription(wanted)
        with self._database.connect(Role.PROJECTOR) as connection:
            position = start_position(start, read_safe_position(connection))
            made = replace(wanted, start_position=position)
            with connection.transaction():
                insert(connection, made)
                if secret is not None:
                    connection.execute(KEEP, (made.name, secret))
        return self.find(made.name)

    def find(self, name: str) -> Subscription:
        """Return one; raises UnknownSubscriptionError."""
        with self._database.connect(Role.READER) as connection:
            row = connection.execute(ONE, (name,), binary=True).fetchone()
        if row is None:
            raise UnknownSubscriptionError(name)
        return subscription(*row)

    def all(self) -> list[Subscription]:
        with self._database.connect(Role.READER) as connection:
            return [subscription(*row) for row in connection.execute(ALL, binary=True)]

    def is_active(self, name: str) -> bool:
        """Whether it is there and not paused."""
        with self._database.connect(Role.READER) as connection:
            return connection.execute(ACTIVE, (name,)).fetchone() is not None

    def secrets(self, name: str) -> Secrets:
        """Return what is valid now, the newest first; only for those who deliver."""
        with self._database.connect(Role.PROJECTOR) as connection:
            rows = connection.execute(SECRETS, (name,), binary=True)
            return Secrets(tuple(secret for (secret,) in rows))

    def set_status(self, name: str, status: Status, owner: str) -> None:
        """
        Pause or resume; whoever was filling the outbox is fenced, so it stands when this returns.

        A delivery that is on its way at this moment still arrives.
        """
        with self._database.connect(Role.PROJECTOR) as connection, connection.transaction():
            self._hold(connection, name, owner)
            connection.execute(SET_STATUS, (status, name))

    def rotate(self, name: str, secret: str, keep: timedelta) -> None:
        """Make `secret` the newest; those before it stay valid for `keep`."""
        self.find(name)
        with self._database.connect(Role.PROJECTOR) as connection, connection.transaction():
            connection.execute(EXPIRE, (keep, name, keep))
            connection.execute(KEEP, (name, secret))
            connection.execute(FORGET_EXPIRED, (name,))

    def remove_some(self, name: str) -> int:
        """Forget a portion of a paused subscription's deliveries; returns how many rows went."""
        with self._database.connect(Role.PROJECTOR) as connection:
            done = [connection.execute(delete, (name, name)) for delete in DELETE_SOME.values()]
        return sum(one.rowcount for one in done)

    def remove(self, name: str, owner: str) -> None:
        """Forget a subscription with all that belongs to it; what it was filling is fenced."""
        with self._database.connect(Role.PROJECTOR) as connection, connection.transaction():
            self._hold(connection, name, owner)
            connection.execute(DELETE_CHECKPOINT, (outbox_name(name),))
            connection.execute(DELETE, (name,))
            for delete in DELETE_SOME.values():
                while connection.execute(delete, (name, name)).rowcount:
                    pass

    def _hold(self, connection: Connection, name: str, owner: str) -> None:
        """Take the checkpoint first, as whoever changes what a projection does."""
        if connection.execute(ONE, (name,)).fetchone() is None:
            raise UnknownSubscriptionError(name)
        checkpoints.taken_over(connection, outbox_name(name), owner)


def start_position(start: Start, safe: int) -> int:
    if start == "now":
        return safe
    position = 0 if start == "start" else start
    if not 0 <= position <= safe:
        raise InvalidSubscriptionError(
            "from", f"must be start, now or a position from 0 to {safe:,}, the last there is"
        )
    return position


def insert(connection: Connection, made: Subscription) -> None:
    filters = (texts(made.event_types), texts(made.aggregate_types))
    options = msgspec.json.encode(made.options).decode()
    start, outbox = made.start_position, Outbox(made)
    row = (made.name, made.kind, made.endpoint, options, *filters, start)
    if connection.execute(INSERT, row).rowcount != 1:
        raise InvalidSubscriptionError("name", f"{made.name!r} is taken by another subscription")
    connection.execute(INSERT_CURSOR, (made.name, start))
    connection.execute(INSERT_CHECKPOINT, (outbox.name, outbox.name, outbox.version, start))


def texts(names: frozenset[str]) -> str:
    return msgspec.json.encode(sorted(names)).decode()


def subscription(*row: Any) -> Subscription:
    """Return what a row says."""
    name, kind, endpoint, options, event_types, aggregate_types, status, start, created_at = row
    return Subscription(
        name,
        kind,
        endpoint,
        options=msgspec.json.decode(options),
        event_types=frozenset(msgspec.json.decode(event_types)),
        aggregate_types=frozenset(msgspec.json.decode(aggregate_types)),
        status=status,
        start_position=start,
        created_at=created_at,
    )
