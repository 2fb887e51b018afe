"""The screen of `fleetlog history`: a stream, and the state it folds to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from rich.table import Table
from rich.text import Text

from domain.aggregate import Aggregate, aggregate_class
from store.errors import UndecodableEventError, UnknownEventError
from store.recorded import RecordedEvent
from workers.console.endings import Failure
from workers.console.masking import all_hidden, event_fields, state_fields
from workers.console.output import add, as_fields, counted, plain, show, show_json, table, utc
from workers.fleet import fleet

PAGE = 100


class View(NamedTuple):
    """What of a history is wanted, and how."""

    at: datetime | None = None
    version: int | None = None
    limit: int | None = None
    mask: bool = False
    as_json: bool = False

    @property
    def is_now(self) -> bool:
        """Whether no earlier moment is asked for."""
        return self.at is None and self.version is None


def tell_history(aggregate_id: str, view: View) -> None:
    """Print it; raises Failure when there is nothing, or was not then."""
    stream = fleet.store.load_events(aggregate_id)
    if not stream:
        raise Failure(f"nothing ever happened to {aggregate_id!r}: no such aggregate")
    past = until(stream, view)
    aggregate, trouble = folded(past[-1], view)
    state = state_fields(aggregate, mask=view.mask) if aggregate else None
    if view.as_json:
        shown = past[-view.limit :] if view.limit else past
        show_json(document(past[-1], [as_document(e, mask=view.mask) for e in shown], state))
    else:
        tell_events(stream, past, view)
        tell_state(past[-1], state)
    if trouble:
        raise Failure(f"the state cannot be told: {trouble}")


def until(stream: Sequence[RecordedEvent], view: View) -> Sequence[RecordedEvent]:
    """Return the events up to a moment; raises Failure if there was none yet."""
    last, first = stream[-1], stream[0]
    at, version = view.at, view.version
    if version is not None and version > last.sequence_number:
        raise Failure(
            f"{last.aggregate_id!r} is at version {last.sequence_number}, "
            f"there is no version {version}"
        )
    if at is not None and first.timestamp > at:
        raise Failure(
            f"{first.aggregate_id!r} was not there at {utc(at)}: its first event is of "
            f"{utc(first.timestamp)} (UTC)"
        )
    return [
        event
        for event in stream
        if (version is None or event.sequence_number <= version)
        and (at is None or event.timestamp <= at)
    ]


def folded(last: RecordedEvent, view: View) -> tuple[Aggregate[Any, Any] | None, str | None]:
    """Return the aggregate now or then, or None and why if today's code cannot fold it."""
    cls, id = aggregate_class(last.aggregate_type), last.aggregate_id
    if cls is None:
        return None, None
    try:
        if view.is_now:
            return fleet.repository.load(cls, id), None
        return fleet.repository.load_at(cls, id, version=view.version, time=view.at), None
    except (UnknownEventError, UndecodableEventError) as error:
        return None, str(error)


def tell_events(stream: Sequence[RecordedEvent], past: Sequence[RecordedEvent], view: View) -> None:
    """Print the events, the last of them if they are many, and say what is left out."""
    last, shown = past[-1], past[-(view.limit or PAGE) :]
    show(Text.assemble((last.aggregate_type, "dim"), " ", (plain(last.aggregate_id), "bold")))
    show(rows(shown, mask=view.mask))
    earlier, later = len(past) - len(shown), len(stream) - len(past)
    notes = [f"{counted(earlier, 'earlier event')} (--limit)"] if earlier else []
    notes += [f"{counted(later, 'event')} since then"] if later else []
    if notes:
        show(Text(", ".join(notes), style="dim"))


def rows(shown: Sequence[RecordedEvent], *, mask: bool) -> Table:
    """Return events as a table; when they happened elsewhere is said if they bring it."""
    imported = any(event.metadata.occurred_at for event in shown)
    columns = ("time (UTC)", *(("occurred",) if imported else ()), "position", "event", "actor", "")
    made = table("#", *columns, right=("#", "position"), wrap=("",))
    for event in shown:
        occurred = (event.metadata.occurred_at,) if imported else ()
        fields = as_fields(event_fields(event, mask=mask))
        where = (event.global_sequence, event.event_type, event.metadata.actor, fields)
        add(made, event.sequence_number, event.timestamp, *occurred, *where)
    return made


def tell_state(last: RecordedEvent, state: dict[str, Any] | None) -> None:
    show("")
    if state is None:
        if aggregate_class(last.aggregate_type) is None:
            show(Text(f"no class claims {last.aggregate_type}: plain data, no state", style="dim"))
        return
    show(Text.assemble(("state at version ", "dim"), (str(last.sequence_number), "bold")))
    values = table("", "")
    values.show_header = False
    for name, value in state.items():
        add(values, Text(name, style="dim"), plain(value))
    show(values)


def document(
    last: RecordedEvent, events: list[dict[str, Any]], state: dict[str, Any] | None
) -> dict[str, Any]:
    return {
        "aggregate_id": last.aggregate_id,
        "aggregate_type": last.aggregate_type,
        "version": last.sequence_number,
        "events": events,
        "state": state,
    }


def as_document(event: RecordedEvent, *, mask: bool) -> dict[str, Any]:
    return {
        "sequence_number": event.sequence_number,
        "position": event.global_sequence,
        "time": event.timestamp,
        "type": event.event_type,
        "schema_version": event.version,
        "event_id": event.event_id,
        "data": event_fields(event, mask=mask),
        "metadata": known_beside(event, mask=mask),
    }


def known_beside(event: RecordedEvent, *, mask: bool) -> dict[str, Any]:
    """Return the metadata; what others said beside it may be anything, and is hidden if `mask`."""
    found: dict[str, Any] = msgspec.json.decode(event.metadata_json)
    if mask and "cloud_event" in found:
        found["cloud_event"] = all_hidden(found["cloud_event"])
    return found
