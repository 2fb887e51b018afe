"""Snapshots: a folded state kept beside its stream, so that loading reads only the tail."""

import hashlib
import inspect
import sys
from functools import cache
from typing import Any, TypeVar
from uuid import uuid4

import msgspec

from domain.aggregate import Aggregate
from domain.upcasting import upcasters
from store.engine import Connection

A = TypeVar("A", bound=Aggregate[Any, Any])

SAVE = """
insert into fleetlog.snapshots (aggregate_id, aggregate_type, version, state, fingerprint)
values (%b, %b, %b::bigint, %b::text::jsonb, %b)
on conflict (aggregate_id) do update
set version = excluded.version, state = excluded.state, fingerprint = excluded.fingerprint,
    timestamp = excluded.timestamp
where snapshots.fingerprint <> excluded.fingerprint or snapshots.version < excluded.version
"""


@cache
def fingerprint(cls: type[Aggregate[Any, Any]]) -> str:
    """
    Digest what a state means: its shape, and the source of all that folds it.

    A snapshot with another fingerprint is ignored, never migrated: the events are the truth,
    and after any change of the folding code they are folded again.
    """
    shape = {name: repr(hint) for name, hint in cls.state_types().items()}
    events = cls.event_classes.values()
    functions = [step.__module__ for event in events for step in upcasters(event)]
    own = [c.__module__ for c in cls.__mro__ if issubclass(c, Aggregate) and c is not Aggregate]
    modules = sorted({*functions, *own, *(event.__module__ for event in events)})
    try:
        sources = [inspect.getsource(sys.modules[name]) for name in modules]
    except OSError:  # no source to compare: trust only what this very process has folded
        sources = [uuid4().hex]
    return hashlib.sha256(repr((cls.aggregate_type, shape, sources)).encode()).hexdigest()


def encode_state(aggregate: Aggregate[Any, Any]) -> bytes:
    """Return the aggregate's state as JSON."""
    return msgspec.json.encode({name: getattr(aggregate, name) for name in aggregate.state_types()})


def restore(cls: type[A], id: str, version: int, state: str) -> A:
    """Return the aggregate as it was at `version`; raises msgspec.ValidationError if it misfits."""
    aggregate = cls(id)
    aggregate.version = version
    plain = msgspec.json.decode(state, type=dict[str, Any])
    for name, hint in cls.state_types().items():
        if name not in plain:
            raise msgspec.ValidationError(f"the snapshot lacks {name}")
        setattr(aggregate, name, msgspec.convert(plain[name], hint))
    return aggregate


def save(connection: Connection, aggregate: Aggregate[Any, Any]) -> None:
    """Keep a snapshot, unless a newer one of the same making is there. Needs the projector role."""
    cls = type(aggregate)
    state = encode_state(aggregate).decode()
    parameters = (aggregate.id, cls.aggregate_type, aggregate.version, state, fingerprint(cls))
    connection.execute(SAVE, parameters)
