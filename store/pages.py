"""What a reader folds next: a page of final events that concern it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from store.arrays import TextArray
from store.checkpoints import Checkpoint
from store.errors import UnknownEventError
from store.folding import PoisonError
from store.projection import Projection
from store.recorded import ALL_COLUMNS, FOLD_COLUMNS, RecordedEvent

WITHIN = "global_sequence > %b::bigint and global_sequence <= %b::bigint"
OF_TYPES = "aggregate_type = any (%b)"
OF_PARTITION = "fleetlog.partition_of(aggregate_id, %b::integer) = %b::integer"
LAST = "order by global_sequence limit %b::bigint"


class Page(NamedTuple):
    """Events to fold, and the position up to which the checkpoint may move with them."""

    events: Sequence[RecordedEvent]
    end: int
    safe: int
    is_last: bool  # nothing final was left to read behind it

    def before_halt(self, error: UnknownEventError | PoisonError) -> "Page":
        """Return what stands before the event that halts us; if it is the first, let it halt us."""
        poison = error.event.global_sequence if isinstance(error, PoisonError) else error.position
        before = [event for event in self.events if event.global_sequence < poison]
        if not before:
            raise error
        return Page(before, before[-1].global_sequence, self.safe, is_last=False)


def page_query(
    projection: Projection, checkpoint: Checkpoint, safe: int, size: int
) -> tuple[str, list[Any]]:
    """Return the question for a reader's next page; what it does not read is not asked for."""
    columns = ALL_COLUMNS if projection.reads_metadata else FOLD_COLUMNS
    concern, parameters = what_concerns(projection, checkpoint)
    query = f"select {columns} from fleetlog.events where {WITHIN}{concern} {LAST}"  # noqa: S608 - our own words
    return query, [checkpoint.last_global_sequence, safe, *parameters, size]


def what_concerns(projection: Projection, checkpoint: Checkpoint) -> tuple[str, list[Any]]:
    """Return further conditions on the events that a reader folds, and their parameters."""
    conditions: list[str] = []
    parameters: list[Any] = []
    if projection.aggregate_types is not None:
        conditions.append(OF_TYPES)
        parameters.append(TextArray.of(sorted(projection.aggregate_types)))
    if checkpoint.partitions > 1:
        conditions.append(OF_PARTITION)
        parameters += [checkpoint.partitions, checkpoint.partition]
    return "".join(f" and {condition}" for condition in conditions), parameters
