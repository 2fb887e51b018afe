"""The screens of `fleetlog deliveries`, of skipping and of retrying them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from store.engine import Role
from store.storable import storable_text
from workers.console.delivery_figures import ROWS, Row, standings
from workers.console.endings import Failure
from workers.console.output import add, counted, say, show, show_json, show_with_notes, table
from workers.delivering import delivering
from workers.fleet import fleet

LONGEST_REASON = 500
STYLES = {"parked": "red", "delivered": "green", "skipped": "dim"}


class Wanted(NamedTuple):
    """Which deliveries to show; without a status those that are not done."""

    subscription: str | None
    status: str | None
    aggregate_id: str | None
    limit: int


def tell_deliveries(wanted: Wanted, *, as_json: bool) -> None:
    """Print them, and how many wait or are parked."""
    name, status, aggregate_id, limit = wanted
    if name is not None:
        fleet.subscriptions.find(name)
    filters = (name, name, aggregate_id, aggregate_id, limit)
    with fleet.database.connect(Role.READER) as connection:
        counts = {
            one.name: {"waiting": one.waiting, "parked": one.parked}
            for one in standings(connection)
            if name in {None, one.name}
        }
        rows = connection.execute(ROWS[status], filters, binary=True)
        found = [Row(*row) for row in rows]
    if as_json:
        show_json({"counts": counts, "deliveries": [document(row) for row in found]})
        return
    totals = {of: sum(one[of] for one in counts.values()) for of in ("waiting", "parked")}
    show("   ".join(f"{number:,} {of}" for of, number in totals.items()))
    if found:
        show("")
        show_with_notes(as_table(found), [note(row) for row in found])
    if len(found) == limit:
        say(f"the first {limit}; more with --limit", style="dim")


def as_table(found: Sequence[Row]) -> Any:
    made = table(
        *("position", "status", "subscription", "event", "of", "attempts"),
        right=("position", "attempts"),
    )
    for row in found:
        cells = (row.global_sequence, row.status, row.subscription, row.event_type)
        add(made, *cells, row.aggregate_id, row.attempts, style=STYLES.get(row.status))
    return made


def note(row: Row) -> str:
    """Say what a person wants to know about it."""
    if row.skip_reason is not None:
        return f"skipped: {row.skip_reason}"
    if row.last_error is not None:
        return row.last_error
    return "not tried yet" if row.attempts == 0 else ""


def document(row: Row) -> dict[str, Any]:
    return row._asdict()


def skip_deliveries(name: str, positions: Sequence[int], reason: str, *, as_json: bool) -> bool:
    """Give parked ones up; returns whether all of them were."""
    fleet.subscriptions.find(name)
    if not reason.strip():
        raise Failure("reason must say why: it is all that is left of the delivery")
    skipped = fleet.deliveries.skip(name, positions, storable_text(reason, LONGEST_REASON))
    delivering.ring(name)
    not_parked = sorted(set(positions) - set(skipped))
    if as_json:
        show_json({"skipped": skipped, "not_parked": not_parked})
        return not not_parked
    show(f"{counted(len(skipped), 'delivery', 'deliveries')} of {name} skipped")
    for position in not_parked:
        say(f"position {position} is not parked for {name}", style="red")
    return not not_parked


def retry_deliveries(name: str, aggregate_id: str | None, *, as_json: bool) -> bool:
    """Let parked ones go out again, their attempts forgiven."""
    fleet.subscriptions.find(name)
    retried = fleet.deliveries.retry(name, aggregate_id)
    delivering.ring(name)
    if as_json:
        show_json({"retried": retried})
    elif retried:
        show(f"{counted(len(retried), 'delivery', 'deliveries')} of {name} waiting again")
    else:
        of = f" of {aggregate_id}" if aggregate_id else ""
        show(f"nothing{of} is parked for {name}")
    return True
