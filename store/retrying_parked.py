"""A person's word: parked events are folded again, in order, by today's code."""

from dataclasses import dataclass

import psycopg

from store import checkpoints
from store.checkpoints import readers
from store.engine import Connection, Role
from store.errors import UnknownEventError
from store.folding import PoisonError
from store.parking import Parked, park, parked_events, parked_streams, unpark
from store.projector import Projector
from store.recorded import RecordedEvent
from store.retry import refuses_row


@dataclass(frozen=True)
class Retried:
    """How a parked stream fared: all of it folded, or still poisoned by `error`."""

    aggregate_id: str
    folded: int
    left: int
    error: str | None = None


def retry_parked(
    projector: Projector, owner: str, aggregate_id: str | None = None
) -> list[Retried]:
    """
    Fold the parked events of one stream, or of all, as far as they go.

    Each stream in a transaction that takes the checkpoint first and raises its epoch, so the
    projection itself stands still meanwhile and takes its turn again afterwards.
    """
    with projector.database.connect(Role.PROJECTOR) as connection:
        return [
            retry_stream(connection, projector, owner, reader.projection_name, id)
            for reader in readers(connection, projector.projection.name)
            for id in waiting(connection, reader.projection_name)
            if aggregate_id in {None, id}
        ]


def waiting(connection: Connection, reader: str) -> list[str]:
    return [one.aggregate_id for one in parked_streams(connection, reader, limit=100_000)]


def retry_stream(
    connection: Connection, projector: Projector, owner: str, name: str, aggregate_id: str
) -> Retried:
    with connection.transaction():
        checkpoints.taken_over(connection, name, owner)
        events = parked_events(connection, name, aggregate_id)
        done: list[RecordedEvent] = []
        for event in events:
            error = fold_alone(connection, projector, event)
            if error is not None:
                park(connection, name, [Parked(event, error)])
                break
            done.append(event)
        else:
            error = None
        unpark(connection, name, done)
    return Retried(aggregate_id, len(done), len(events) - len(done), error)


def fold_alone(connection: Connection, projector: Projector, event: RecordedEvent) -> str | None:
    """Fold one event in a savepoint; returns what stopped it, or None."""
    try:
        with connection.transaction():
            projector.apply_one(connection, event)
    except (PoisonError, UnknownEventError) as poison:
        return str(poison)
    except psycopg.DatabaseError as refusal:
        if not refuses_row(refusal):
            raise
        return str(refusal.diag.message_primary or refusal)
    return None
