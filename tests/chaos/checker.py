"""Was anything lost, done twice, inverted or skipped? All promises, checked when a run is over."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeAlias

from tests.chaos.checks.again import check_again
from tests.chaos.checks.answers import check_answers
from tests.chaos.checks.books import check_books
from tests.chaos.checks.broker import check_broker
from tests.chaos.checks.decisions import check_decisions
from tests.chaos.checks.effects import check_effects
from tests.chaos.checks.live import check_live
from tests.chaos.checks.order import check_order
from tests.chaos.checks.parked import check_parked
from tests.chaos.checks.projections import check_projections
from tests.chaos.checks.snapshots import check_snapshots
from tests.chaos.checks.stability import check_stability
from tests.chaos.checks.streams import check_streams
from tests.chaos.evidence import Evidence, Facts, gather

__all__ = ["Evidence", "check"]

Check: TypeAlias = Callable[[Evidence, Facts], Iterator[str]]

CHECKS: dict[str, Check] = {
    "answers": check_answers,
    "asked again": check_again,
    "effects": check_effects,
    "decisions": check_decisions,
    "books": check_books,
    "parked": check_parked,
    "streams": check_streams,
    "order": check_order,
    "projections": check_projections,
    "live reader": check_live,
    "snapshots": check_snapshots,
    "broker": check_broker,
    "stability": check_stability,  # last, when the others have taken their time
}
MOST = 20  # findings of one kind; who has so many needs no more


def check(evidence: Evidence) -> list[str]:
    """Return what is broken, in sentences that begin with the promise; nothing if all is well."""
    facts = gather(evidence)
    return [
        finding for name, look in CHECKS.items() for finding in found(name, look, evidence, facts)
    ]


def found(name: str, look: Check, evidence: Evidence, facts: Facts) -> Iterator[str]:
    """Yield what one check finds; that it could not be made is a finding of its own."""
    sentences = look(evidence, facts)
    try:
        yield from (f"{name}: {sentence}" for sentence in islice(sentences, MOST))
        if more := sum(1 for _ in sentences):
            yield f"{name}: and {more} more"
    except Exception as error:  # noqa: BLE001 - what is stored may be anything by now
        yield f"{name}: could not be checked, {type(error).__name__}: {error}"
