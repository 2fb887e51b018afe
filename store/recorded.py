"""Events as the store knows them."""

from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from domain.event import Event
from store.codec import Metadata, decode_event
from store.errors import UndecodableEventError

T = TypeVar("T")


class RecordedEvent(msgspec.Struct, frozen=True, gc=False):
    """
    An event with its place: `sequence_number` in its stream, `global_sequence` in the store.

    `data` stays JSON until somebody asks, so an event that cannot be decoded troubles only
    those who look at it.
    """

    global_sequence: int
    aggregate_id: str
    aggregate_type: str
    event_type: str
    version: int
    sequence_number: int
    timestamp: datetime
    data: str
    event_id: UUID | None = None
    metadata_json: str = "{}"

    @property
    def event(self) -> Event:
        """The event itself; raises UnknownEventError or UndecodableEventError."""
        return decode_event(
            self.aggregate_type, self.event_type, self.version, self.data, self.global_sequence
        )

    @property
    def payload(self) -> dict[str, Any]:
        """The stored data as plain values, in its own version's words; raises likewise."""
        return self._decoded(self.data, dict[str, Any])

    @property
    def metadata(self) -> Metadata:
        """Who, why and on whose behalf; raises UndecodableEventError."""
        return self._decoded(self.metadata_json, Metadata)

    def _decoded(self, text: str, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(text, type=kind)
        except (msgspec.DecodeError, RecursionError) as error:
            reason = f"{type(error).__name__}: {error}"
            position = self.global_sequence
            raise UndecodableEventError(self.event_type, self.version, position, reason) from error


# Python's calendar ends before PostgreSQL's: a forged time must not keep a page from being read.
TIMESTAMP = (
    "greatest(least(timestamp, '9999-12-31 23:59:59.999999+00'), '0001-01-02 00:00:00+00') "
    "as timestamp"
)
# What a fold needs, in the order of the fields above; the rest is for those who look closer.
FOLD_COLUMNS = (
    "global_sequence, aggregate_id, aggregate_type, event_type, version, sequence_number, "
    f"{TIMESTAMP}, data::text"
)
ALL_COLUMNS = f"{FOLD_COLUMNS}, event_id, metadata::text"
