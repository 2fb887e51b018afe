"""
Deliveries: what became of each row of an outbox.

Rows are taken up in the order of their positions. From then on each stands as waiting, delivered,
parked or skipped, and only what is waiting or parked is ever looked for: by partial indexes that
are as small as what is left to do, however much was delivered before.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from store.arrays import BigIntArray, TextArray
from store.engine import Connection, Database, Role
from store.recorded import ALL_COLUMNS, RecordedEvent
from store.retry import retrying
from store.storable import storable_text

TAKE = """
with place as (
    select taken_to from fleetlog.delivery_cursors where subscription = %b for update
), fresh as (
    select o.global_sequence, o.aggregate_id from fleetlog.outbox o, place
    where o.subscription = %b and o.global_sequence > place.taken_to
    order by o.global_sequence limit %b::bigint
), taken as (
    insert into fleetlog.deliveries (subscription, global_sequence, aggregate_id)
    select %b, global_sequence, aggregate_id from fresh on conflict do nothing
)
update fleetlog.delivery_cursors set taken_to = (select max(global_sequence) from fresh)
where subscription = %b and exists (select from fresh)
"""
# An aggregate is held back by its first delivery that is not done: parked, or resting after a
# failure. What stands behind it is not even read.
DUE = f"""
select due.attempts, {ALL_COLUMNS} from (
    select d.global_sequence as position, d.attempts from fleetlog.deliveries d
    where d.subscription = %b and d.status = 'waiting' and d.aggregate_id <> all (%b)
      and exists (select from fleetlog.subscriptions s
                  where s.name = d.subscription and s.status = 'active')
      and not exists (
        select from fleetlog.deliveries held
        where held.subscription = d.subscription and held.aggregate_id = d.aggregate_id
          and (held.status = 'parked' or held.next_attempt_at > now()))
    order by d.global_sequence limit %b::bigint) due
join fleetlog.events on global_sequence = due.position
order by due.position
"""  # noqa: S608 - our own column names
# Only what is still waiting changes: whoever was given up and wakes late decides nothing.
DELIVERED = """
update fleetlog.deliveries
set status = 'delivered', attempts = attempts + 1, settled_at = clock_timestamp(),
    next_attempt_at = null, last_error = null
where subscription = %b and global_sequence = any (%b) and status = 'waiting'
"""
FAILED = """
update fleetlog.deliveries
set attempts = attempts + %b::integer, last_error = %b::text,
    next_attempt_at = clock_timestamp() + make_interval(secs => %b::float8)
where subscription = %b and global_sequence = %b::bigint and status = 'waiting'
"""
PARK = """
update fleetlog.deliveries
set status = 'parked', attempts = attempts + 1, last_error = %b::text, next_attempt_at = null
where subscription = %b and global_sequence = %b::bigint and status = 'waiting'
"""
NOTHING_TO_SEND = """
update fleetlog.deliveries
set status = 'skipped', settled_at = clock_timestamp(), skip_reason = %b::text,
    next_attempt_at = null, last_error = null
where subscription = %b and global_sequence = %b::bigint and status = 'waiting'
"""
RETRY = """
update fleetlog.deliveries set status = 'waiting', attempts = 0, next_attempt_at = null
where subscription = %b and status = 'parked' and (%b::text is null or aggregate_id = %b::text)
  and (%b or global_sequence = any (%b))
returning global_sequence
"""
SKIP = """
update fleetlog.deliveries
set status = 'skipped', settled_at = clock_timestamp(), skip_reason = %b::text
where subscription = %b and status = 'parked' and global_sequence = any (%b)
returning global_sequence
"""
WORK = """
select s.name, drawn.is_called and c.last_global_sequence < drawn.last_value as behind,
       (circuit.open_until is null or circuit.open_until <= now()) and (
           exists (select from fleetlog.outbox o
                   where o.subscription = s.name and o.global_sequence > k.taken_to)
           or exists (select from fleetlog.deliveries d
                      where d.subscription = s.name and d.status = 'waiting'
                        and (d.next_attempt_at is null or d.next_attempt_at <= now()))) as due
from fleetlog.subscriptions s
join fleetlog.projection_checkpoints c on c.projection_name = 'outbox:' || s.name
join fleetlog.delivery_cursors k on k.subscription = s.name
left join fleetlog.endpoint_circuits circuit on circuit.endpoint = s.kind || ' ' || s.endpoint
cross join fleetlog.events_global_sequence_seq drawn
where s.status = 'active' and (%b::text is null or s.name = %b::text)
"""
LONGEST_ERROR = 500


class Due(NamedTuple):
    """A delivery whose turn it is; `attempts` have failed before."""

    attempts: int
    event: RecordedEvent


class Work(NamedTuple):
    """What there is to do for an active subscription: events to write down, rows to deliver."""

    name: str
    behind: bool
    due: bool


class Deliveries:
    """The table of them. Every call may be repeated, and is when a connection breaks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, name: str, busy: Collection[str], limit: int) -> list[Due]:
        """
        Take up what is new, and return what may be delivered now, in order.

        For each aggregate that is not `busy` that is all that waits, from its first on; nothing
        while its first rests or is parked, and nothing while the subscription is paused.
        """
        parameters = (name, TextArray.of(list(busy)), limit)

        def once() -> list[Due]:
            with self._database.connect(Role.PROJECTOR) as connection:
                connection.execute(TAKE, (name, name, limit, name, name))
                rows = connection.execute(DUE, parameters, binary=True)
                return [Due(attempts, RecordedEvent(*event)) for attempts, *event in rows]

        return retrying(once)

    def delivered(self, name: str, positions: Sequence[int]) -> None:
        """Note what arrived. Lost before this, a delivery is made again, with the same key."""
        if positions:
            self._change(DELIVERED, (name, BigIntArray.of(positions)))

    def failed(
        self, name: str, position: int, error: str, pause: float, *, counted: bool = True
    ) -> None:
        """Note a failure; its aggregate rests for so many seconds."""
        parameters = (int(counted), shortened(error), pause, name, position)
        self._change(FAILED, parameters)

    def nothing_to_send(self, name: str, position: int, reason: str) -> None:
        """Note that one is none of the receiver's concern; those behind it go on."""
        self._change(NOTHING_TO_SEND, (shortened(reason), name, position))

    def park(self, name: str, position: int, error: str) -> None:
        """Set one aside for a person; the later ones of its aggregate wait behind it."""
        self._change(PARK, (shortened(error), name, position))

    def retry(
        self, name: str, aggregate_id: str | None = None, positions: Sequence[int] | None = None
    ) -> list[int]:
        """Let parked ones wait again, all or these, their attempts forgiven; returns which."""
        chosen = BigIntArray.of(positions or ())
        parameters = (name, aggregate_id, aggregate_id, positions is None, chosen)
        return sorted(self._change(RETRY, parameters))

    def skip(self, name: str, positions: Sequence[int], reason: str) -> list[int]:
        """Give parked ones up, by a person's word; returns which. Those behind them go on."""
        return sorted(self._change(SKIP, (reason, name, BigIntArray.of(positions))))

    def work(self, name: str | None = None) -> list[Work]:
        """Return what there is to do, for one active subscription or for all."""
        with self._database.connect(Role.READER) as connection:
            return [Work(*row) for row in connection.execute(WORK, (name, name), binary=True)]

    def _change(self, statement: str, parameters: tuple[object, ...]) -> list[int]:
        def once() -> list[int]:
            with self._database.connect(Role.PROJECTOR) as connection:
                return positions_of(connection, statement, parameters)

        return retrying(once)


def positions_of(
    connection: Connection, statement: str, parameters: tuple[object, ...]
) -> list[int]:
    found = connection.execute(statement, parameters, binary=True)
    return [position for (position,) in found] if found.description else []


def shortened(error: str) -> str:
    return storable_text(error, LONGEST_ERROR)
