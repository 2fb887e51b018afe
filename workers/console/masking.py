"""What of people's data is shown: secrets never, personal fields only where that is wanted."""

from collections.abc import Mapping
from typing import Any

import msgspec

from domain.aggregate import Aggregate, aggregate_class, aggregate_for
from domain.message import Mark, field_names, marked_fields
from store.codec import event_class
from store.errors import UndecodableEventError, UnknownEventError
from store.recorded import RecordedEvent

HIDDEN = "***"


def event_fields(recorded: RecordedEvent, *, mask: bool) -> dict[str, Any]:
    """
    Return an event's fields in today's words.

    What no class describes may hold anything: of an aggregate that is ours it is hidden, of
    other systems' history only if `mask`.
    """
    cls = event_class(recorded.aggregate_type, recorded.event_type)
    marks = marked_fields(cls) if cls else {}
    try:
        return masked(msgspec.to_builtins(recorded.event), marks, personal=mask)
    except (UnknownEventError, UndecodableEventError):
        foreign = aggregate_class(recorded.aggregate_type) is None
        return recorded.payload if foreign and not mask else all_hidden(recorded.payload)


def command_fields(command_type: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a command's fields with every marked one hidden, all of an unknown command's."""
    owner = aggregate_for(command_type)
    if owner is None:
        return all_hidden(payload)
    cls = owner.command_classes[command_type]
    in_order = {name: payload[name] for name in field_names(cls) if name in payload}
    return masked(in_order, marked_fields(cls), personal=True)


def state_fields(aggregate: Aggregate[Any, Any], *, mask: bool) -> dict[str, Any]:
    """Return an aggregate's state; an attribute is marked like the fields of its name."""
    cls = type(aggregate)
    messages = (*cls.event_classes.values(), *cls.command_classes.values())
    marks = {name: mark for message in messages for name, mark in marked_fields(message).items()}
    state = {name: getattr(aggregate, name) for name in cls.state_types()}
    return masked(msgspec.to_builtins(state), marks, personal=mask)


def masked(
    fields: Mapping[str, Any], marks: Mapping[str, Mark], *, personal: bool
) -> dict[str, Any]:
    hidden = {name for name, mark in marks.items() if personal or mark is Mark.SECRET}
    return {name: HIDDEN if name in hidden else value for name, value in fields.items()}


def all_hidden(fields: Mapping[str, Any]) -> dict[str, Any]:
    return dict.fromkeys(fields, HIDDEN)
