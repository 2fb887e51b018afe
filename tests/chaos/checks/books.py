"""The books balance: whatever was accepted is done, refused, parked or cancelled by now."""

from collections import Counter
from collections.abc import Iterator

from tests.chaos.evidence import Evidence, Facts

SETTLED = ("done", "rejected", "parked", "cancelled")
COUNTS = "select status, count(*) from fleetlog.commands group by status"


def check_books(evidence: Evidence, facts: Facts) -> Iterator[str]:
    counted = Counter(dict(evidence.rows(COUNTS)))
    settled = sum(counted[status] for status in SETTLED)
    if settled != counted.total():
        sums = " + ".join(f"{counted[status]} {status}" for status in SETTLED)
        yield f"{counted.total()} commands were accepted, but only {settled} are settled: {sums}"
    if counted.total() != len(facts.commands):
        yield f"{len(facts.commands)} commands were read, {counted.total()} are counted"
    for row in facts.commands.values():
        if row.status not in SETTLED:
            yield f"{row} of {row.aggregate_id!r} is still {row.status}"
