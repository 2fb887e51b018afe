"""
What an audit entry may show of an event's fields, and what they were before.

People's data never gets here in the clear, neither into an entry nor into the helper rows. Shown
is what the stored event says in its own version's words, as far as today's class vouches for it:

- a field that the class marks `Personal` or `Secret` is hidden;
- so is one that the class does not know;
- of an older version, so is one that upcasting renames, drops or rewrites: nobody can say any
  more what it held;
- of an aggregate type that nobody claims there are no marks, and all is shown.
"""

from typing import Any

from domain.aggregate import aggregate_class
from domain.event import Event
from domain.message import field_names, marked_fields
from domain.upcasting import upcast
from store.codec import event_class
from store.errors import UnknownEventError
from store.recorded import RecordedEvent

HIDDEN = "***"
NEW = "new_"

_shown: dict[type[Event], frozenset[str]] = {}


def class_of(event: RecordedEvent) -> type[Event] | None:
    """
    Return the event's class, None where its aggregate is claimed by nobody.

    Raises UnknownEventError for an event of a claimed aggregate that no class knows, or none this
    recent: which of its fields are people's data, only the code that wrote it can say.
    """
    kind, name = event.aggregate_type, event.event_type
    cls = event_class(kind, name)
    if aggregate_class(kind) is not None and (cls is None or event.version > cls.schema_version):
        raise UnknownEventError(kind, name, event.version, event.global_sequence)
    return cls


def presentable(event: RecordedEvent, cls: type[Event] | None) -> dict[str, Any]:
    """Return the stored fields with everything hidden that is not known to be harmless."""
    data = event.payload
    if cls is None:
        return data
    shown = harmless(cls)
    if event.version < cls.schema_version:
        today = upcast(cls, event.version, dict(data))
        shown = frozenset(n for n in shown & data.keys() if n in today and today[n] == data[n])
    return {name: value if name in shown else HIDDEN for name, value in data.items()}


def harmless(cls: type[Event]) -> frozenset[str]:
    """Return the fields that the class knows and does not mark."""
    if cls not in _shown:
        _shown[cls] = frozenset(field_names(cls)) - marked_fields(cls).keys()
    return _shown[cls]


def named_alike(data: dict[str, Any]) -> dict[str, Any]:
    """Call a `new_email` the `email` it replaces, so that the one before it is found."""
    return {
        name[len(NEW) :]
        if name.startswith(NEW) and name[len(NEW) :] not in data and name != NEW
        else name: value
        for name, value in data.items()
    }


def changes(known: dict[str, Any], fields: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each field with its value before, None if there was none, and now."""
    return [{"field": name, "old": known.get(name), "new": value} for name, value in fields.items()]
