"""Every projection equals a fold from scratch: its rows, its parked events, its checkpoint."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from tests.chaos.checks.views import VIEWS, Row, UndigestedError, View
from tests.chaos.checks.whole_tables import WHOLE, check_whole_tables
from tests.chaos.evidence import Evidence, Fact, Facts

Rows: TypeAlias = Mapping[str, tuple[Any, ...]]

CHECKPOINTS = """
select projection_name, last_global_sequence, status, coalesce(error, '')
from fleetlog.projection_checkpoints
where projection_name <> 'snapshots' and standing = 'live'
"""
SAFE = "select fleetlog.safe_position()"
# What a generation from before has parked is as old as its rows, and nobody reads either.
PARKED = """
select projection_name, p.global_sequence
from fleetlog.parked_events p join fleetlog.projection_checkpoints c using (projection_name)
where c.standing = 'live'
"""
FOLDED = {view.name for view in VIEWS} | {whole.name for whole in WHOLE}
# Readers of the events that keep no rows: what they send on is gone.
KEEPS_NO_ROWS = "outbox:"


def check_projections(evidence: Evidence, facts: Facts) -> Iterator[str]:
    parked = set(evidence.rows(PARKED))
    for view in VIEWS:
        if view.name in evidence.projections:
            own = {position for name, position in parked if name == view.name}
            yield from check_view(evidence, view, facts, own)
    digesting = {view.name for view in VIEWS}
    for name, position in sorted(parked):
        if name not in digesting:
            yield f"{name} has parked position {position}, which it can fold"
    yield from check_whole_tables(evidence)
    yield from check_checkpoints(evidence, facts)


def check_view(evidence: Evidence, view: View, facts: Facts, parked: set[int]) -> Iterator[str]:
    events = list(facts.of_type(view.aggregate_type))
    expected, complaints = folded(view, events, parked)
    yield from complaints
    for position in sorted(parked - {fact.position for fact in events}):
        yield f"{view.name} has parked position {position}, which holds no event of its own"
    columns = ", ".join(view.columns)
    rows = evidence.rows(f"select {columns} from fleetlog_read_models.{view.table}")
    yield from differences(view, expected, {row[0]: row for row in rows})


def folded(view: View, events: list[Fact], parked: set[int]) -> tuple[Rows, list[str]]:
    """
    Fold all but what was parked; returns the rows, and what must not have been parked.

    Behind an event that was parked its whole stream has to wait.
    """
    rows: dict[str, Row] = {}
    waiting: set[str] = set()
    complaints: list[str] = []
    for fact in events:
        id, place = fact.aggregate_id, f"{fact.event_type} at position {fact.position}"
        if id in waiting:
            if fact.position not in parked:
                complaints.append(f"{view.name} has folded {place} past what it parked of {id!r}")
            continue
        try:
            after = view.apply(rows.get(id, {}), fact)
        except UndigestedError:
            waiting.add(id)
            if fact.position not in parked:
                complaints.append(f"{view.name} has not parked {place}, which nobody can fold")
            continue
        if fact.position not in parked:
            rows[id] = after
            continue
        waiting.add(id)
        if not view.may_park(fact):
            complaints.append(f"{view.name} has parked {place}, which it can fold")
    return {id: in_columns(view, id, row) for id, row in rows.items()}, complaints


def in_columns(view: View, id: str, row: Row) -> tuple[Any, ...]:
    return (id, *(row.get(column) for column in view.columns[1:]))


def differences(view: View, expected: Rows, found: Rows) -> Iterator[str]:
    for id in sorted(expected.keys() | found.keys()):
        if id not in found:
            yield f"{view.name} lacks the row of {id!r}"
        elif id not in expected:
            yield f"{view.name} has a row of {id!r}, which no event tells of"
        elif expected[id] != found[id]:
            pairs = zip(view.columns, found[id], expected[id], strict=True)
            other = ", ".join(f"{name}={is_!r} for {be!r}" for name, is_, be in pairs if is_ != be)
            yield f"{view.name} has another row of {id!r} than its events: {other}"


def check_checkpoints(evidence: Evidence, facts: Facts) -> Iterator[str]:
    last = facts.events[-1].position if facts.events else 0
    ((safe,),) = evidence.rows(SAFE)
    found = {name: rest for name, *rest in evidence.rows(CHECKPOINTS)}
    for name in sorted(evidence.projections - found.keys()):
        yield f"{name} has no checkpoint"
    for name in sorted(found.keys() - FOLDED):
        if not name.startswith(KEEPS_NO_ROWS):
            yield f"{name} has a checkpoint, and nobody here knows how to fold it"
    for name, (position, status, error) in sorted(found.items()):
        if status != "running":
            yield f"{name} is {status}: {error or 'no reason'}"
        if not last <= position <= safe:
            yield f"the checkpoint of {name} is at {position}, the last event at {last}"
