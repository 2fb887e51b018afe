"""Nobody's work is set aside for nothing: only poison is parked, and who had too many deaths."""

from collections.abc import Iterator

from tests.chaos.evidence import Evidence, Facts
from tests.chaos.stage import POISON

DIED = "WorkerDiedError"
ONE_IN = 1000
LEAST = 2


def check_parked(evidence: Evidence, facts: Facts) -> Iterator[str]:
    explained = []
    for row in facts.commands.values():
        if row.status != "parked" or row.aggregate_id.startswith(POISON):
            continue
        if row.refusal == DIED and row.attempts >= evidence.attempts:
            explained.append(row)
        else:
            yield (
                f"{row} of {row.aggregate_id!r} is parked after {row.attempts} attempts for "
                f"{row.refusal or 'no reason'}, and is no poison"
            )
    if len(explained) > most(facts):
        yield (
            f"{len(explained)} commands are parked because their workers died, "
            f"of {len(facts.commands)} at most {most(facts)} may"
        )


def most(facts: Facts) -> int:
    """Return how many may have had that much bad luck, with all that is killed around them."""
    return max(LEAST, len(facts.commands) // ONE_IN)
